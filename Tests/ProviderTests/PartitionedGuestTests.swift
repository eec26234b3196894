// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("A guest on a disk with partitions")
struct PartitionedGuestTests {
  /// Imports a disk, and returns its new one and what was told.
  private func restore(
    _ input: String, as name: String, mebibytes: UInt64, _ guest: SmallGuest
  ) throws -> (disk: String, told: String) {
    let disk = try guest.disk("restored", mebibytes: mebibytes)
    let lines = Lines()
    try guest.run(
      guest.request(.import, name, disks: [disk]), guest.surroundings(input: input),
      steps: Steps(.plain, write: { lines.write($0) }))
    return (disk, lines.all)
  }

  private func fileUUID(of filesystem: String) throws -> String? {
    try shell("debugfs -R 'stats -h' '\(filesystem)' 2>/dev/null | awk '/^Filesystem UUID/ { print $3 }'")
  }

  @Test("It grows with its disk, and becomes a copy under another name", arguments: PartitionedGuest.all)
  func copy(_ layout: PartitionedGuest) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let (disk, told) = try restore(try layout.make(in: scratch), as: "vm2.example.com", mebibytes: 700, guest)
      #expect(try layout.faults(of: disk) == [], "\(told)")
      let root = layout.rootOn(disk)
      #expect(try guestFile("/etc/hostname", on: root) == "vm2\n", "\(told)")
      #expect(try guestFile("/etc/machine-id", on: root) != "0123456789abcdef0123456789abcdef\n")
      // All that is known by a UUID gets another one, and is named by it.
      let old = try layout.identifiers(of: scratch("raw"))
      let new = try layout.identifiers(of: disk)
      #expect(old.isDisjoint(with: new) && old.count == new.count, "\(told)")
      let rootUUID = try #require(try fileUUID(of: root))
      let bootUUID = try layout.bootOn(disk).map { try #require(try fileUUID(of: $0)) } ?? rootUUID
      let menu =
        try layout.bootOn(disk).map { try guestFile("/grub/grub.cfg", on: $0) }
        ?? guestFile("/boot/grub/grub.cfg", on: root)
      #expect(
        menu == "search --no-floppy --fs-uuid --set=root \(bootUUID)\nlinux /vmlinuz root=UUID=\(rootUUID) ro\n",
        "\(told)")
      if layout.efi != nil {
        #expect(try layout.efiFile("/EFI/debian/grub.cfg", on: disk) == "search.fs_uuid \(bootUUID) root")
      }
      let fstab = try #require(try guestFile("/etc/fstab", on: root))
      #expect(!fstab.contains(PartitionedGuest.uuid) && !fstab.contains(PartitionedGuest.bootUUID), "\(fstab)")
      #expect(told.contains("these name the new UUIDs now: "), "\(told)")
      #expect(!told.contains("of the original"), "\(told)")
      let size = try shell(
        "debugfs -R 'stats -h' '\(root)' 2>/dev/null | awk '/^Block count/{c=$3}/^Block size/{print c*$3/1048576}'")
      #expect(Int(size).map { (634...636).contains($0) } == true, "\(size)")
      // Code before the table is the loader's.
      #expect(try Descriptor(disk, O_RDONLY).bytes(at: 0, count: 6) == Array("loader".utf8))
      #expect(try Descriptor(disk, O_RDONLY).status().st_size == 700 << 20)
    }
  }

  @Test("An EFI system partition that is full names a copy's new UUID too") func fullEFI() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let layout = PartitionedGuest.debian
      let raw = try layout.make(in: scratch)
      let efi = "\(raw)@@\(try #require(layout.efi).start << 20)"
      let free = try shell(
        """
        free() { mdir -i '\(efi)' | tr -d ' ' | sed -n 's/bytesfree$//p'; }
        head -c "$(free)" /dev/zero | mcopy -i '\(efi)' - ::/full
        free
        """)
      #expect(free == "0")
      let (disk, told) = try restore(raw, as: "vm2.example.com", mebibytes: 300, guest)
      #expect(try layout.faults(of: disk) == [], "\(told)")
      let uuid = try #require(try fileUUID(of: layout.rootOn(disk)))
      #expect(uuid != PartitionedGuest.uuid)
      #expect(try layout.efiFile("/EFI/debian/grub.cfg", on: disk) == "search.fs_uuid \(uuid) root", "\(told)")
    }
  }

  @Test("Under its own name it stays the machine that it was") func same() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try PartitionedGuest.debian.make(in: scratch)
      let (disk, _) = try restore(raw, as: "vm1.example.com", mebibytes: 300, guest)
      let root = PartitionedGuest.debian.rootOn(disk)
      #expect(try PartitionedGuest.debian.faults(of: disk) == [])
      #expect(try guestFile("/etc/machine-id", on: root) == "0123456789abcdef0123456789abcdef\n")
      #expect(try PartitionedGuest.debian.identifiers(of: disk) == PartitionedGuest.debian.identifiers(of: raw))
      #expect(
        try PartitionedGuest.debian.efiFile("/EFI/debian/grub.cfg", on: disk)
          == "search.fs_uuid \(PartitionedGuest.uuid) root")
    }
  }

  @Test("It comes as an image of qemu too") func qcow2() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try PartitionedGuest.ubuntu.make(in: scratch)
      try shell("qemu-img convert -f raw -O qcow2 '\(raw)' '\(scratch("image"))'")
      for mebibytes in [400, 140] as [UInt64] {
        let (disk, told) = try restore(scratch("image"), as: "vm2.example.com", mebibytes: mebibytes, guest)
        #expect(try PartitionedGuest.ubuntu.faults(of: disk) == [], "\(told)")
        #expect(try guestFile("/etc/hostname", on: PartitionedGuest.ubuntu.rootOn(disk)) == "vm2\n")
      }
    }
  }

  @Test("A smaller disk does, as long as all partitions fit", arguments: PartitionedGuest.all)
  func smaller(_ layout: PartitionedGuest) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try layout.make(in: scratch)
      if layout.description == PartitionedGuest.logical.description {
        // The partition around the logical ones reaches to the end.
        let failure = #expect(throws: Failure.self) { try restore(raw, as: "vm2.example.com", mebibytes: 140, guest) }
        #expect(failure?.message.contains("is too small for partition 2") == true, "\(String(describing: failure))")
        return
      }
      let (disk, _) = try restore(raw, as: "vm2.example.com", mebibytes: 140, guest)
      #expect(try layout.faults(of: disk) == [])
      let failure = #expect(throws: Failure.self) { try restore(raw, as: "vm2.example.com", mebibytes: 100, guest) }
      #expect(failure?.code == .device)
      #expect(
        failure?.message.contains("is too small for partition \(layout.root.number)") == true,
        "\(String(describing: failure))")
    }
  }

  @Test("It is renamed in place", arguments: PartitionedGuest.all) func rename(_ layout: PartitionedGuest) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try layout.make(in: scratch)
      let request = try guest.request(.rename(from: InstanceName("vm1.example.com")), "web.example.org", disks: [disk])
      #expect(try guest.plan(request).first?.hasPrefix("rename vm1.example.com to web.example.org") == true)
      try guest.run(request)
      #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == "web\n")
      #expect(try layout.faults(of: disk) == [])
    }
  }

  @Test("Its files outlive a reinstallation, with and without partitions of the new guest", arguments: ["none", "gpt"])
  func reinstallation(to layout: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, configuration: "reinstall_keep = [\"/srv\"]\nlayout = \"\(layout)\"")
      let disk = try PartitionedGuest.ubuntu.make(in: scratch)
      try shell("truncate --size 700M '\(disk)'")
      try guest.run(
        guest.request(.create(isReinstall: true), disks: [disk]), guest.surroundings(boots: layout == "gpt"))
      let root = layout == "gpt" ? "\(disk)?offset=\(128 << 20)" : disk
      #expect(try problems(of: root) == nil)
      #expect(try guestFile("/srv/data", on: root) == "kept\n")
      #expect(try guestFile("/etc/fstab", on: root)?.contains("LABEL=") == false)
    }
  }

  @Test("A disk of the host's firmware stays as it is, whatever the configuration says of it") func firmwareDisk()
    throws
  {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disks = [try guest.disk(), try guest.disk("firmware", mebibytes: 32)]
      let before = try digest(of: disks[1])
      var request = try guest.request(.create(isReinstall: false), disks: disks)
      request.hypervisorParameters = ["boot_type": "uefi"]
      try guest.run(request, parameters: ["disk_1": "swap", "layout": "none"])
      #expect(try digest(of: disks[1]) == before)
      request.hypervisorParameters = [:]
      try guest.run(request, parameters: ["disk_1": "swap", "layout": "none"])
      #expect(try tag("TYPE", of: disks[1]) == "swap")
    }
  }

  @Test("Of a disk with two systems, or with none, the guest stays as it was, which is told") func unclear() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      var two = PartitionedGuest.ubuntu
      two.fstab = ""
      let raw = try two.make(in: scratch)
      try shell("mke2fs -q -F -t ext4 -d '\(scratch("tree"))' -E offset=\(32 << 20) '\(raw)' 32M")
      let (disk, told) = try restore(raw, as: "vm2.example.com", mebibytes: 300, guest)
      #expect(told.contains("has more than one root filesystem: partitions 1 and 16 hold a system each"), "\(told)")
      #expect(try guestFile("/etc/hostname", on: two.rootOn(disk)) == "vm1\n")
      #expect(try shell("/sbin/sgdisk --verify '\(disk)'").contains("No problems found"))

      try shell("mkswap -q --offset 67108864 '\(raw)' 65536 || true")
      for place in [32, 64] {
        try shell("dd if=/dev/zero of='\(raw)' bs=1M count=1 seek=\(place) conv=notrunc status=none")
      }
      let (_, none) = try restore(raw, as: "vm2.example.com", mebibytes: 300, guest)
      #expect(none.contains("has no known root filesystem: its partitions are 1, 14, 15 (vfat) and 16"), "\(none)")
    }
  }

  @Test("An XFS behind all else gets the rest of the disk, and grows in the guest") func xfs() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try makeSparseFile(scratch("raw"), size: 400 << 20)
      try shell(
        """
        printf 'label: gpt\\n1: size=32MiB\\n2: size=320MiB\\n' | /sbin/sfdisk --quiet '\(raw)'
        truncate --size 320M '\(scratch("xfs"))'
        mkfs.xfs -q '\(scratch("xfs"))'
        dd if='\(scratch("xfs"))' of='\(raw)' bs=1M seek=33 conv=notrunc,sparse status=none
        """)
      let (disk, told) = try restore(raw, as: "vm2.example.com", mebibytes: 500, guest)
      #expect(told.contains("what was restored is xfs in partition 2"), "\(told)")
      #expect(told.contains("grows at its first boot"), "\(told)")
      #expect(try shell("/sbin/sfdisk --json '\(disk)'").contains("\"size\": \((500 - 34) << 11)"))
      #expect(try shell("/sbin/sgdisk --verify '\(disk)'").contains("No problems found"))
    }
  }

  @Test("A filesystem that is larger than its partition is refused") func cutOff() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try PartitionedGuest.debian.make(in: scratch)
      try shell("printf 'size=40MiB\\n' | /sbin/sfdisk --quiet --partno 1 '\(raw)'")
      try shell("printf '13: size=2MiB\\n' | /sbin/sfdisk --quiet --append '\(raw)'")
      let failure = #expect(throws: Failure.self) { try restore(raw, as: "vm2.example.com", mebibytes: 300, guest) }
      #expect(failure?.code == .guest)
      #expect(
        failure?.message.contains("larger") == true || failure?.message.contains("there are only") == true,
        "\(String(describing: failure))")
    }
  }

  @Test("A table that can't be believed is refused, and leaves nothing") func badTable() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try PartitionedGuest.debian.make(in: scratch)
      for place in [512 + 60, 192 << 20 - 512 + 60] {
        let file = try Descriptor(raw, O_RDWR)
        let byte = try file.bytes(at: UInt64(place), count: 1)[0] ^ 0xFF
        try file.writeAll([byte], at: UInt64(place))
      }
      let failure = #expect(throws: Failure.self) { try restore(raw, as: "vm2.example.com", mebibytes: 300, guest) }
      #expect(
        failure?.message.contains("has no readable GUID partition table") == true, "\(String(describing: failure))")
      #expect(try bash("blkid -p '\(scratch("restored"))'").status != 0)
    }
  }

  @Test("A disk with more partitions than any guest has is refused, with how many they are") func many() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try makeSparseFile(scratch("raw"), size: 700 << 20)
      try shell(
        """
        {
          printf 'label: gpt\\ntable-length: 1024\\n'
          echo '1: size=1MiB type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709'
          seq -f '%g: size=1MiB' 2 600
        } | /sbin/sfdisk --quiet '\(raw)'
        """)
      let failure = #expect(throws: Failure.self) { try restore(raw, as: "vm2.example.com", mebibytes: 800, guest) }
      #expect(failure?.code == .guest)
      #expect(
        failure?.message == "\(scratch("restored")) has 600 partitions, and a guest's disk has at most 256",
        "\(String(describing: failure))")
      #expect(try bash("blkid -p '\(scratch("restored"))'").status != 0)
      let before = try digest(of: raw)
      let renaming = #expect(throws: Failure.self) {
        try guest.run(
          guest.request(.rename(from: InstanceName("vm1.example.com")), "web.example.org", disks: [raw]))
      }
      #expect(renaming?.message.contains("has 600 partitions") == true, "\(String(describing: renaming))")
      #expect(try digest(of: raw) == before)
    }
  }
}
