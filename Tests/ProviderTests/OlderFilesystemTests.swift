// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

/// `mkfs.ext4` on the whole disk, and only then partitions: a table in the first sector leaves the superblock behind it.
@Suite("A disk with partitions that was one filesystem before")
struct OlderFilesystemTests {
  static let layouts = [PartitionedGuest.single, .logical]

  private func make(_ layout: PartitionedGuest, in scratch: Scratch) throws -> String {
    try scratch.write("old\n", to: "old/etc/hostname")
    try scratch.write("root:x:0:0:root:/root:/bin/sh\n", to: "old/etc/passwd")
    let raw = try layout.make(in: scratch, after: "mke2fs -q -F -t ext4 -d '\(scratch("old"))' \"$disk\"")
    try #require(try Descriptor(raw, O_RDONLY).bytes(at: 1080, count: 2) == [0x53, 0xEF])
    return raw
  }

  private func restore(
    _ input: String, mebibytes: UInt64, _ guest: SmallGuest
  ) throws -> (disk: String, told: String) {
    let disk = try guest.disk("restored", mebibytes: mebibytes)
    let lines = Lines()
    try guest.run(
      guest.request(.import, "vm2.example.com", disks: [disk]), guest.surroundings(input: input),
      steps: Steps(.plain, write: { lines.write($0) }))
    return (disk, lines.all)
  }

  private func export(_ disk: String, _ guest: SmallGuest) throws -> String {
    let dump = try guest.scratch.write("", to: "dump")
    try guest.run(guest.request(.export(sizeDescriptor: nil), disks: [disk]), guest.surroundings(output: dump))
    return dump
  }

  @Test("Its guest is exported, looked into and imported, to a larger and a smaller disk", arguments: layouts)
  func roundTrip(_ layout: PartitionedGuest) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try make(layout, in: scratch)
      let dump = try export(raw, guest)
      let info = try bash("'\(program)' dump info '\(dump)'").output
      #expect(info.contains("Partition \(layout.root.number) "), "\(info)")
      let list = try bash("'\(program)' dump list '\(dump)' /etc")
      #expect(list.status == 0 && list.output.contains("os-release"), "\(list)")
      try shell("qemu-img convert -f raw -O qcow2 '\(raw)' '\(scratch("image"))'")
      for input in [dump, raw, scratch("image")] {
        for mebibytes in [400, 140] as [UInt64] {
          // The partition around the logical ones reaches to the end.
          if mebibytes < 192, layout.boot != nil { continue }
          let (disk, told) = try restore(input, mebibytes: mebibytes, guest)
          #expect(try layout.faults(of: disk) == [], "\(input): \(told)")
          #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == "vm2\n", "\(input): \(told)")
          #expect(try guestFile("/srv/data", on: layout.rootOn(disk)) == "kept\n", "\(input): \(told)")
        }
      }
    }
  }

  @Test("Its guest is renamed, and the rest of the disk stays as it is", arguments: layouts)
  func rename(_ layout: PartitionedGuest) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try make(layout, in: scratch)
      let before = try shell("head -c 1048576 '\(disk)' | sha256sum")
      let request = try guest.request(.rename(from: InstanceName("vm1.example.com")), "web.example.org", disks: [disk])
      #expect(try guest.plan(request).first?.hasPrefix("rename vm1.example.com to web.example.org") == true)
      try guest.run(request)
      #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == "web\n")
      #expect(try layout.faults(of: disk) == [])
      #expect(try shell("head -c 1048576 '\(disk)' | sha256sum") == before)
    }
  }

  @Test("As a published image it makes guests", arguments: layouts) func image(_ layout: PartitionedGuest) throws {
    try withScratch { scratch in
      let raw = try make(layout, in: scratch)
      let guest = try SmallGuest(
        in: scratch, configuration: "image = \"\(raw)\"\nformat = \"raw\"\nverify = \"none\"\n")
      let disk = try guest.disk(mebibytes: 300)
      try guest.run(guest.request(.create(isReinstall: false), "vm2.example.com", disks: [disk]))
      #expect(try layout.faults(of: disk) == [])
      #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == "vm2\n")
      #expect(try guestFile("/srv/data", on: layout.rootOn(disk)) == "kept\n")
    }
  }

  @Test("The files of its guest outlive a reinstallation") func reinstallation() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, configuration: "reinstall_keep = [\"/srv\"]\nlayout = \"none\"")
      let disk = try make(.single, in: scratch)
      try shell("truncate --size 700M '\(disk)'")
      try guest.run(guest.request(.create(isReinstall: true), disks: [disk]))
      #expect(try problems(of: disk) == nil)
      #expect(try guestFile("/srv/data", on: disk) == "kept\n")
    }
  }

  /// What a boot loader has where a table has its entries.
  private static let codes: [(loader: String, code: [UInt8])] = [
    ("GRUB", [UInt8](repeating: 0, count: 64)),
    ("extlinux 6.04", extlinux),
  ]

  private static let extlinux: [UInt8] = [
    0x09, 0xB4, 0x0E, 0xBB, 0x07, 0x00, 0xCD, 0x10, 0xEB, 0xF2, 0x31, 0xC0, 0xCD, 0x16, 0xCD, 0x19,
    0xF4, 0xEB, 0xFD, 0x8A, 0x16, 0x74, 0x7B, 0x06, 0xCD, 0x13, 0x07, 0xC3, 0x42, 0x6F, 0x6F, 0x74,
    0x20, 0x65, 0x72, 0x72, 0x6F, 0x72, 0x0D, 0x0A, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFE, 0x02, 0xB2, 0x3E, 0x18, 0x37,
  ]

  @Test("One filesystem behind a boot loader without a table is one filesystem", arguments: codes)
  func whole(_ loader: String, _ code: [UInt8]) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      try scratch.write("vm1\n", to: "tree/etc/hostname")
      try scratch.write("127.0.1.1 vm1.example.com vm1\n", to: "tree/etc/hosts")
      try scratch.write("root:x:0:0:root:/root:/bin/sh\n", to: "tree/etc/passwd")
      try scratch.write("LABEL=/ / ext4 rw 0 1\n", to: "tree/etc/fstab")
      let raw = try makeSparseFile(scratch("raw"), size: 64 << 20)
      try shell("mke2fs -q -F -t ext4 -b 4096 -L / -d '\(scratch("tree"))' '\(raw)'")
      var sector = [UInt8](repeating: 0x90, count: 446)
      sector += code
      sector += [0x55, 0xAA]
      try Descriptor(raw, O_RDWR).writeAll(sector, at: 0)
      let dump = try export(raw, guest)
      #expect(try bash("'\(program)' dump info '\(dump)'").output.contains("Partition") == false)
      for input in [dump, raw] {
        let (disk, told) = try restore(input, mebibytes: 200, guest)
        #expect(try problems(of: disk) == nil, "\(told)")
        #expect(try guestFile("/etc/hostname", on: disk) == "vm2\n", "\(told)")
        #expect(try Descriptor(disk, O_RDONLY).bytes(at: 0, count: 512) == sector)
      }
      let image = try SmallGuest(
        in: scratch, configuration: "image = \"\(raw)\"\nformat = \"raw\"\nverify = \"none\"\n")
      let disk = try image.disk(mebibytes: 300)
      try image.run(image.request(.create(isReinstall: false), "vm3.example.com", disks: [disk]))
      #expect(try guestFile("/etc/hostname", on: disk) == "vm3\n")
      try image.run(image.request(.rename(from: InstanceName("vm3.example.com")), "web.example.org", disks: [disk]))
      #expect(try guestFile("/etc/hostname", on: disk) == "web\n")
      #expect(try problems(of: disk) == nil)
    }
  }
}
