// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

/// What is said to be a raw disk, by `format` or by its name.
@Suite struct RawImageTests {
  private func pull(_ scratch: Scratch, _ name: String, format: String?) throws -> Outcome {
    try scratch.write(
      """
      cache = "\(scratch("cache"))"
      image = "\(scratch(name))"
      verify = "none"
      \(format.map { "format = \"\($0)\"" } ?? "")
      \(sandboxLine)
      """, to: "guestsmith.toml")
    return try bash("'\(program)' image pull --config '\(scratch.path)'")
  }

  private func content(of scratch: Scratch) throws -> String {
    try shell("cd '\(scratch("cache"))' && ls images tmp | grep -v -e : -e '^$' || true")
  }

  struct Case: CustomTestStringConvertible, Sendable {
    /// Makes the file of that name out of `disk`.
    let make: String
    let name: String
    var format: String?
    /// Of the message and its remedy.
    let words: [String]

    var testDescription: String { "\(name), by \(make)" }

    init(_ make: String, as name: String, format: String? = nil, _ words: String...) {
      (self.make, self.name, self.format, self.words) = (make, name, format, words)
    }
  }

  static let others: [Case] = [
    Case(
      "qemu-img convert -f raw -O qcow2 disk a.raw", as: "a.raw", "begins as a qcow2 image", "set format to qcow2\n"),
    Case(
      "qemu-img convert -f raw -O qcow2 disk a", as: "a", format: "raw", "is not a raw disk", "set format to qcow2\n"),
    Case(
      "qemu-img convert -f raw -O qcow2 disk a; gzip a; mv a.gz a.raw.gz", as: "a.raw.gz",
      "begins as a qcow2 image when it is unpacked", "set format to qcow2.gz"),
    Case("qemu-img convert -f raw -O vmdk disk a.raw", as: "a.raw", "a vmdk image", "set format to vmdk"),
    Case("qemu-img convert -f raw -O vhdx disk a.raw", as: "a.raw", "a vhdx image", "set format to vhdx"),
    Case("qemu-img convert -f raw -O vpc disk a.raw", as: "a.raw", "a vhd image", "qemu-img convert -O qcow2"),
    Case("qemu-img convert -f raw -O vdi disk a.raw", as: "a.raw", "a vdi image", "qemu-img convert -O qcow2"),
    Case("gzip -c disk >a.raw", as: "a.raw", "a stream of gzip", "set format to raw.gz, qcow2.gz"),
    Case("xz -0 -c disk >a.raw", as: "a.raw", "a stream of xz", "set format to raw.xz, qcow2.xz"),
    Case("zstd -qc disk >a.raw", as: "a.raw", "a stream of zstd", "set format to raw.zst", "or to gsi"),
    Case("bzip2 -c disk >a.raw", as: "a.raw", "a stream of bzip2", "set format to raw.bz2"),
    Case("lz4 -qc disk >a.raw", as: "a.raw", "a stream of lz4", "unpack it before"),
    Case("gzip -c disk | gzip >a.raw.gz", as: "a.raw.gz", "a stream of gzip when it is unpacked", "packed twice"),
    Case("tar -cf a.raw disk", as: "a.raw", "begins as a tar", "set format to tar\n"),
    Case("tar -c disk | xz -0 >a", as: "a", format: "raw.xz", "begins as a tar", "set format to tar.xz"),
    Case(
      "{ echo guestsmith image 1; cat disk; } >a.raw", as: "a.raw", "an image that guestsmith exported",
      "set format to gsi"),
    Case(
      "yes '<p>Not found</p>' | head -c 20000 >a.raw", as: "a.raw", "is not a disk: it lacks a boot sector",
      "correct image"),
    Case("head -c 2000000 /dev/zero | gzip >a.raw.gz", as: "a.raw.gz", "is not a disk: it lacks a boot sector"),
    Case("echo text >a", as: "a", format: "raw", "is not a disk: it lacks a boot sector"),
    Case(
      "truncate -s 20M b; qemu-img convert -f raw -O qcow2 b a.qcow2", as: "a.qcow2",
      "is not a disk: it lacks a boot sector"),
  ]

  @Test(
    "Another form, and what is not a disk, is refused with what to do, and nothing of it is kept", arguments: others)
  func refused(_ other: Case) throws {
    try withScratch { scratch in
      try shell(
        """
        cd '\(scratch.path)'; truncate -s 40M disk
        printf 'label: gpt\\n1: start=2048 size=65536\\n' | /sbin/sfdisk -q disk
        mke2fs -q -F -t ext4 -E offset=1048576 disk 32768k
        \(other.make)
        """)
      let outcome = try pull(scratch, other.name, format: other.format)
      #expect([Failure.Code.dump.rawValue, Failure.Code.guest.rawValue].contains(outcome.status), "\(outcome)")
      #expect(outcome.errors.contains(scratch(other.name)), "\(outcome)")
      for words in other.words { #expect(outcome.errors.contains(words), "\(words): \(outcome)") }
      #expect(try content(of: scratch) == "", "\(outcome)")
    }
  }

  @Test(
    "A disk is one by its first sector's mark, its table, or a filesystem that is known",
    arguments: [
      "truncate -s 20M a.raw; printf '\\125\\252' | dd of=a.raw bs=1 seek=510 conv=notrunc status=none",
      "truncate -s 20M a.raw; echo 'label: gpt' | /sbin/sfdisk -q a.raw",
      "truncate -s 20M a.raw; mke2fs -q -F a.raw", "truncate -s 400M a.raw; mkfs.xfs -q a.raw",
      "truncate -s 200M a.raw; mkfs.btrfs -q a.raw", "truncate -s 20M a.raw; mkfs.fat a.raw >&2",
      // As an ISO has it.
      "{ head -c 32768 /dev/zero; printf '\\1CD001\\1'; head -c 2041 /dev/zero; printf '\\377CD001\\1'; head -c 99999 /dev/zero; } >a.raw",
    ])
  func taken(_ make: String) throws {
    try withScratch { scratch in
      try shell("cd '\(scratch.path)'; PATH=$PATH:/sbin:/usr/sbin; \(make)")
      let outcome = try pull(scratch, "a.raw", format: nil)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(try content(of: scratch) != "")
    }
  }
}
