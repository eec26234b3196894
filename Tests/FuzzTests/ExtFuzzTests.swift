// SPDX-License-Identifier: Apache-2.0
import Dump
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// A guest's administrator writes what he likes on its disk, and whoever has a dump can write another.
@Suite("Filesystems that were made to hurt", .serialized) struct ExtFuzzTests {
  /// Small guests: with checksums and 64 bits, with extents and no checksum that would catch a change, of old.
  static let forms = [
    "-t ext4 -b 1024 -I 256 -O 64bit,metadata_csum,metadata_csum_seed,^resize_inode",
    "-t ext4 -b 1024 -I 256 -O 64bit,^metadata_csum,^uninit_bg,^resize_inode",
    "-t ext3 -b 1024 -I 128 -O resize_inode",
  ]

  static func make(_ form: String, in scratch: Scratch) throws -> [UInt8] {
    try shell(
      """
      cd '\(scratch.path)'; rm -rf tree base
      mkdir -p tree/etc/ssh tree/root tree/srv/d1/d2 tree/boot/grub tree/usr/bin tree/lib/systemd
      echo 'root:x:0:0:root:/root:/bin/sh' >tree/etc/passwd; echo old >tree/etc/hostname
      printf '127.0.0.1\\tlocalhost\\n127.0.1.1\\told.example.com old\\n' >tree/etc/hosts
      echo '/dev/xvda1 / ext4 errors=remount-ro 0 1' >tree/etc/fstab
      echo 0123456789abcdef0123456789abcdef >tree/etc/machine-id
      for file in usr/bin/ssh-keygen lib/systemd/systemd; do : >tree/$file; chmod +x tree/$file; done
      ln -s ../etc/hosts tree/srv/link; ln -s /usr/lib tree/srv/absolute; mkfifo tree/srv/pipe
      head -c 300000 /dev/urandom >tree/srv/large; ln tree/srv/large tree/srv/other-name
      for i in $(seq 300); do echo $i >tree/srv/d1/d2/a-name-that-is-long-enough-for-a-tree-of-names-$i; done
      setfattr -n user.long -v "$(printf 'x%.0s' $(seq 700))" tree/srv/large; setfattr -n user.short -v s tree/etc/hosts
      truncate -s 8M base; mke2fs -q -F \(form) -N 512 -d tree base; e2fsck -fyD base >/dev/null 2>&1 || true
      e2fsck -fn base >/dev/null
      """)
    return try readFile(scratch("base"))
  }

  @Test("do not, whatever is done with them", arguments: forms)
  func filesystems(form: String) throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      let base = ExtImage(try Self.make(form, in: scratch))
      let good = scratch("good.dump")
      #expect(try attack.script("export", ["-i", "old.example.com", "-b", scratch("base")], output: good).isSuccess)
      let findings = Findings.filesystems
      let extent = Extent(cases: ExtMutation.allCases.count + findings.count)
      let kind = "ext-\(Self.forms.firstIndex(of: form) ?? 0)"
      try extent.each { index, noise in
        var image = base
        if index < findings.count {
          findings[index](&image)
          image.mendSuperblock()
        } else {
          ExtMutation.allCases[index % ExtMutation.allCases.count].apply(to: &image, &noise)
        }
        for fault in try faults(of: image.bytes, attack, good) {
          try record(fault, kind, seed: extent.seed, index: index, input: image.bytes)
        }
      }
    }
  }

  /// Does with a filesystem what can be done with one; returns what must not have happened.
  private func faults(of bytes: [UInt8], _ attack: Attack, _ good: String) throws -> [String] {
    let scratch = attack.scratch
    let disk = scratch("disk")
    let dump = scratch("stranger.dump")
    try write(bytes, to: disk)
    try Self.writeDump(of: bytes, to: dump)
    var faults = [
      try attack.script("export", ["-i", "old.example.com", "-b", disk], output: scratch("its.dump")).fault,
      try attack.guestsmith("dump", "list", "-r", dump).fault,
      try attack.guestsmith("dump", "list", dump, "/srv/link/").fault,
      try attack.guestsmith("dump", "diff", good, dump, "--quiet").fault,
      try attack.restore(dump).fault,
      // Smaller than the filesystem: made in the cache first.
      try attack.restore(disk, size: 7 << 20).fault,
    ]
    faults += try attack.extract("/", of: dump).map { $0 }
    let renamed = try attack.script(
      "rename", ["-o", "old.example.com", "-n", "new.example.com", "-b", disk, "-s", scratch("swap")])
    faults.append(try renamed.fault ?? (renamed.isSuccess ? attack.damage(on: disk, after: "rename") : nil))
    return faults.compactMap { $0 }
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try makeSparseFile(path, size: UInt64(bytes.count))
    let file = try Descriptor(path, O_RDWR)
    try file.writeAll(bytes)
  }

  /// As a stranger would: it says that there is a filesystem, and is right in itself.
  static func writeDump(
    of bytes: [UInt8], to path: String, _ compression: DumpWriter.Compression = .none
  ) throws {
    let map = try ExtentMap(
      diskSize: UInt64(bytes.count), [ByteRange(offset: 0, length: UInt64(bytes.count))])
    let manifest = Manifest(
      program: "guestsmith 0.0", created: 1_700_000_000, instance: "old.example.com", os: "debian", variant: nil,
      selection: .allBlocks,
      filesystems: [.init(offset: 0, type: "ext4", uuid: "6f3a2a2e-2f25-4d5c-9c3a-000000000001", label: nil)],
      extents: map)
    let writer = try DumpWriter(manifest, map, compression: compression, workers: 1)
    let file = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC)
    _ = try writer.write(
      read: { offset, buffer in buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count]) },
      sink: { piece throws(Failure) in try file.writeAll(piece) })
  }
}
