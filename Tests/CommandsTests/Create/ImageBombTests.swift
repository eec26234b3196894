// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

/// Images that unpack to more than the cache may have.
@Suite struct ImageBombTests {
  /// - Parameters:
  ///   - mount: a command that mounts the cache for this.
  ///   - check: what holds of the cache then.
  private func pull(
    _ scratch: Scratch, _ name: String, _ more: String, in mount: String? = nil, then check: String = ""
  ) throws -> Outcome {
    try scratch.write(
      """
      cache = "\(scratch("cache"))"
      image = "\(scratch(name))"
      verify = "none"
      \(more)
      \(sandboxLine)
      """, to: "guestsmith.toml")
    let line = "'\(program)' image pull --config '\(scratch.path)'"
    guard let mount else { return try bash(line) }
    return try bash("unshare --mount bash -c \"\(mount) && \(line) && \(check)\"")
  }

  private func content(of scratch: Scratch) throws -> String {
    try shell("cd '\(scratch("cache"))' && ls images tmp | grep -v -e : -e '^$' || true")
  }

  /// A disk with an ext4 in a partition, of which most is zero.
  private func makeDisk(_ scratch: Scratch) throws {
    try shell(
      """
      cd '\(scratch.path)'; truncate -s 100M raw
      printf 'label: gpt\\n1: start=2048 size=98MiB type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\\n' | /sbin/sfdisk -q raw
      mke2fs -q -F -t ext4 -E offset=1048576 raw 98M
      """)
  }

  @Test(
    "What a packed image unpacks to ends with the cache's limit, be it bytes or zeros without an end",
    arguments: ["zst", "xz"])
  func bombs(packing: String) throws {
    try withScratch { scratch in
      let packer = packing == "xz" ? "xz -0 -c" : "zstd -qc"
      // Whatever is packed so well that it is fetched.
      try shell(
        """
        cd '\(scratch.path)'
        qemu-img create -q -f qcow2 empty 64M
        text() { yes text | head -c 150M; }
        { cat empty; text; } | \(packer) >text.qcow2.\(packing)
        { cat empty; head -c 200M /dev/zero; } | \(packer) >zeros.qcow2.\(packing)
        text | \(packer) >text.vmdk.\(packing)
        { head -c 510 /dev/zero; printf '\\125\\252'; text; } | \(packer) >text.raw.\(packing)
        """)
      for (name, words) in [
        ("text.qcow2", "holds more than 100 MiB, the most that the cache takes"),
        // As long as the disk in it, with an eighth and 64 MiB.
        ("zeros.qcow2", "is longer than 136 MiB"),
        ("text.vmdk", "holds more than 100 MiB, the most that the cache takes"),
        ("text.raw", "holds more than 100 MiB, the most that the cache takes"),
      ] {
        let outcome = try pull(scratch, "\(name).\(packing)", "cache_max_size = \"100M\"")
        #expect(outcome.status == Failure.Code.dump.rawValue, "\(name): \(outcome)")
        #expect(outcome.errors.contains("\(scratch(name)).\(packing) \(words)"), "\(name): \(outcome)")
        #expect(try content(of: scratch) == "", "\(name)")
      }
    }
  }

  @Test("Zeros in a packed image take no room in the cache", .enabled(if: isRoot, "needs root")) func zeros() throws {
    try withScratch { scratch in
      try makeDisk(scratch)
      try shell(
        """
        cd '\(scratch.path)'; mkdir cache
        qemu-img convert -f raw -O qcow2 -o preallocation=full raw full
        zstd -qc full >full.qcow2.zst
        """)
      let pulled = try pull(
        scratch, "full.qcow2.zst", "cache_max_size = \"30M\"",
        in: "mount -t tmpfs -o size=40M,mode=755 none \(scratch("cache"))",
        then: "cmp \(scratch("raw")) \(scratch("cache"))/images/*/disk.img")
      #expect(pulled.status == 0, "\(pulled)")
    }
  }
}
