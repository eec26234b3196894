// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("The dump of a disk with partitions")
struct PartitionedDumpTests {
  private func export(_ disk: String, as name: String = "dump", _ guest: SmallGuest) throws -> String {
    let dump = try guest.scratch.write("", to: name)
    try guest.run(guest.request(.export(sizeDescriptor: nil), disks: [disk]), guest.surroundings(output: dump))
    return dump
  }

  private func manifest(_ dump: String) throws -> JSON {
    try JSON(parsing: Array(bash("zstd -qdc '\(dump)' | tar -xO manifest.json").output.utf8))
  }

  @Test(
    "It holds of each partition what is used, and is restored to a larger and to a smaller disk",
    arguments: PartitionedGuest.all)
  func roundTrip(_ layout: PartitionedGuest) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try layout.make(in: scratch)
      let root = layout.rootOn(raw)
      // What is deleted again is on the disk, and not in the dump.
      try shell("openssl rand 16777216 >'\(scratch("noise"))'")
      try shell(
        "debugfs -w -R 'write \(scratch("noise")) noise' '\(root)' 2>/dev/null; debugfs -w -R 'rm noise' '\(root)' 2>/dev/null"
      )
      let dump = try export(raw, guest)
      #expect(try Descriptor(dump, O_RDONLY).status().st_size < 2 << 20)
      let told = try manifest(dump)
      #expect(told["disk"]?["selection"]?.string == "non-zero-blocks")
      let chosen = try #require(told["partitions"]?.array).map {
        "\($0["number"]?.integer ?? 0) \($0["selection"]?.string ?? "")"
      }
      #expect(chosen.contains("\(layout.root.number) used-blocks"))
      if layout.isGPT { #expect(chosen.contains("14 non-zero-blocks")) }
      for (name, mebibytes) in [("vm2.example.com", 400), ("vm1.example.com", 192), ("vm3.example.com", 140)] {
        // The partition around the logical ones reaches to the end.
        if !layout.isGPT, layout.boot != nil, mebibytes < 192 { continue }
        let disk = try guest.disk("restored", mebibytes: UInt64(mebibytes))
        try guest.run(guest.request(.import, name, disks: [disk]), guest.surroundings(input: dump))
        #expect(try layout.faults(of: disk) == [])
        #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == "\(name.prefix(3))\n")
        guard name.hasPrefix("vm1") else { continue }
        // It is the machine that it was: all files are equal.
        let again = try export(disk, as: "again", guest)
        let difference = try bash("'\(program)' dump diff --quiet '\(dump)' '\(again)'")
        #expect(difference.status == 0 && difference.output == "", "\(difference)")
      }
    }
  }

  @Test("A disk that was made to boot by itself is restored to a larger one under another name") func created() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, configuration: "layout = \"gpt\"")
      let disk = try guest.disk(mebibytes: 400)
      try guest.run(guest.request(.create(isReinstall: false), disks: [disk]), guest.surroundings(boots: true))
      let dump = try export(disk, guest)
      let copy = try guest.disk("copy", mebibytes: 900)
      try guest.run(guest.request(.import, "vm2.example.com", disks: [copy]), guest.surroundings(input: dump))
      let layout = PartitionedGuest(
        description: "Guestsmith", script: "", isGPT: true, root: (1, 128, 900 - 129), fstab: "")
      #expect(try layout.faults(of: copy) == [])
      #expect(try guestFile("/etc/hostname", on: layout.rootOn(copy)) == "vm2\n")
      // The boot loaders find the root by its new UUID.
      func uuid(_ disk: String) throws -> String {
        try shell("debugfs -R 'stats -h' '\(layout.rootOn(disk))' 2>/dev/null | awk '/UUID/{print $3}'")
      }
      #expect(try uuid(copy) != uuid(disk))
      let efi = "mtype -i '\(copy)@@\(4 << 20)' ::/EFI/debian/grub.cfg"
      #expect(try shell(efi).hasPrefix("search.fs_uuid \(uuid(copy)) root"))
      // Otherwise BIOS boot partition and ESP are as they were.
      let differences = try shell(
        "cmp --verbose --bytes=\(127 << 20) --ignore-initial=\(1 << 20) '\(disk)' '\(copy)' | wc -l; true")
      #expect(Int(differences).map { (1...36).contains($0) } == true, "\(differences)")
    }
  }

  @Test("Its files are looked into, those of the root filesystem or of another partition") func looking() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try PartitionedGuest.ubuntu.make(in: scratch)
      let dump = try export(raw, guest)
      func dumps(_ words: String) throws -> Outcome { try bash("'\(program)' dump \(words)") }
      let info = try dumps("info '\(dump)'").output
      #expect(info.contains(" extents, outside of partitions all that is not zero\n"), "\(info)")
      #expect(info.contains("Partition 14  4.0 MiB at byte 1048576, all that is not zero\n"), "\(info)")
      #expect(info.contains("Partition 16  32 MiB at byte 33554432, by the filesystem's bitmaps\n"), "\(info)")
      let list = try dumps("list '\(dump)' /etc")
      #expect(list.status == 0 && list.output.contains("os-release"), "\(list)")
      let boot = try dumps("list --partition 16 '\(dump)'")
      #expect(boot.status == 0 && boot.output.contains("lost+found") && !boot.output.contains("etc"), "\(boot)")
      let none = try dumps("list --partition 14 '\(dump)'")
      #expect(none.status == Failure.Code.guest.rawValue, "\(none)")
      #expect(none.errors.contains("nothing that is known in partition 14"), "\(none)")
      let missing = try dumps("list --partition 7 '\(dump)'")
      #expect(
        missing.errors.contains("has no partition 7: its partitions are 1 (ext4), 14, 15 (vfat) and 16 (ext4)"),
        "\(missing)")
      let extracted = try dumps("extract --quiet '\(dump)' /etc/hostname --to '\(scratch.path)'")
      #expect(extracted.status == 0, "\(extracted)")
      #expect(try scratch.read("hostname") == "vm1\n")
      try guest.run(
        guest.request(.rename(from: InstanceName("vm1.example.com")), "web.example.org", disks: [raw]))
      let diff = try dumps("diff --quiet '\(dump)' '\(export(raw, as: "renamed", guest))'")
      #expect(diff.output.contains("~ /etc/hostname"), "\(diff)")
      let same = try dumps("diff --quiet --partition 16 '\(dump)' '\(dump)'")
      #expect(same.status == 0 && same.output == "", "\(same)")
    }
  }
}
