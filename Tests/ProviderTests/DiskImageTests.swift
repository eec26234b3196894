// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Provider
import Report
import TestSupport
import Testing

/// Guests of a published disk.
@Suite struct DiskImageTests {
  /// A guest of an image in `www`, trusted by the list of digests beside it.
  private func guest(_ scratch: Scratch, of name: String, more: String = "") throws -> SmallGuest {
    try SmallGuest(
      in: scratch,
      configuration: """
        image = "\(scratch("www/\(name)"))"
        sums = "\(scratch("www/SUMS"))"
        \(more)
        """)
  }

  private func publish(_ disk: String, as name: String, _ scratch: Scratch) throws {
    try scratch.folder("www")
    let packed = name.split(separator: ".").last.map(String.init) ?? ""
    let packer = ["xz": "xz -1", "gz": "gzip", "zst": "zstd -q", "bz2": "bzip2"][packed]
    let options = name.contains("qcow2") ? "-O qcow2 -c" : "-O raw"
    try shell(
      """
      cd '\(scratch("www"))'
      qemu-img convert -f raw \(options) '\(disk)' disk
      \(packer.map { "\($0) -c disk > '\(name)'; rm disk" } ?? "mv disk '\(name)'")
      sha512sum '\(name)' > SUMS
      """)
  }

  private func create(
    _ guest: SmallGuest, _ name: String = "vm2.example.com", disk: String = "disk", mebibytes: UInt64
  ) throws -> (disk: String, told: String) {
    let disk = try guest.disk(disk, mebibytes: mebibytes)
    let lines = Lines()
    try guest.run(
      guest.request(.create(isReinstall: false), name, disks: [disk]),
      steps: Steps(.plain, write: { lines.write($0) }))
    return (disk, lines.all)
  }

  @Test(
    "A guest of an image has its own name, UUIDs and keys, and fills its disk",
    arguments: zip(PartitionedGuest.all, ["a.qcow2", "a.raw.xz", "a.qcow2.zst", "a.raw"]))
  func create(_ layout: PartitionedGuest, name: String) throws {
    try withScratch { scratch in
      let raw = try layout.make(in: scratch)
      try publish(raw, as: name, scratch)
      let guest = try guest(scratch, of: name)
      let (disk, told) = try create(guest, mebibytes: 700)
      #expect(try layout.faults(of: disk) == [], "\(told)")
      let root = layout.rootOn(disk)
      #expect(try guestFile("/etc/hostname", on: root) == "vm2\n")
      #expect(try guestFile("/etc/machine-id", on: root) == "")
      #expect(try guestFile("/srv/data", on: root) == "kept\n")
      #expect(try layout.identifiers(of: disk).isDisjoint(with: layout.identifiers(of: raw)), "\(told)")
      #expect(try Descriptor(disk, O_RDONLY).bytes(at: 0, count: 6) == Array("loader".utf8))
      #expect(try Descriptor(disk, O_RDONLY).bytes(at: 510, count: 2) == [0x55, 0xAA])
    }
  }

  @Test("Root's password and keys reach a guest whose own files are edited; what it has no place for is told")
  func settings() throws {
    try withScratch { scratch in
      let layout = PartitionedGuest.debian
      let raw = try layout.make(in: scratch)
      try scratch.write("root:!:2::::::\nadmin:*:3::::::\n", to: "shadow")
      try shell("debugfs -w -R 'write \(scratch("shadow")) /etc/shadow' '\(layout.rootOn(raw))' 2>&1")
      try publish(raw, as: "a.qcow2", scratch)
      let more = """
        root_password_hash = "$6$a$b"
        ssh_keys = ["ssh-ed25519 AAAAC3 me"]
        timezone = "Europe/Zurich"
        """
      let (disk, told) = try create(guest(scratch, of: "a.qcow2", more: more), mebibytes: 300)
      #expect(try layout.faults(of: disk) == [], "\(told)")
      let root = layout.rootOn(disk)
      #expect(try guestFile("/etc/shadow", on: root) == "root:$6$a$b:2::::::\nadmin:*:3::::::\n")
      #expect(try guestFile("/root/.ssh/authorized_keys", on: root) == "ssh-ed25519 AAAAC3 me\n")
      #expect(told.contains("the guest keeps its time zone: the guest knows no time zone 'Europe/Zurich'"), "\(told)")
      #expect(!told.contains("$6$"))
    }
  }

  @Test("An image of VMware or Hyper-V does too", arguments: ["a.vmdk", "a.vhdx.gz", "b.vmdk.xz"])
  func others(name: String) throws {
    try withScratch { scratch in
      let raw = try PartitionedGuest.ubuntu.make(in: scratch)
      try scratch.folder("www")
      let options =
        name.contains("vhdx")
        ? "-O vhdx" : "-O vmdk -o subformat=\(name.hasPrefix("a") ? "streamOptimized" : "monolithicSparse")"
      let packer = name.hasSuffix("gz") ? "gzip" : name.hasSuffix("xz") ? "xz -1" : "cat"
      try shell(
        """
        cd '\(scratch("www"))'; qemu-img convert -f raw \(options) '\(raw)' disk
        \(packer) < disk > '\(name)'; sha256sum '\(name)' > SUMS
        """)
      let (disk, told) = try create(guest(scratch, of: name), mebibytes: 300)
      #expect(try PartitionedGuest.ubuntu.faults(of: disk) == [], "\(told)")
      #expect(try guestFile("/etc/hostname", on: PartitionedGuest.ubuntu.rootOn(disk)) == "vm2\n")
    }
  }

  @Test("An image of VMware that names other files is refused") func vmdkOfParts() throws {
    try withScratch { scratch in
      try scratch.folder("www")
      try shell(
        """
        cd '\(scratch("www"))'; truncate -s 64M raw
        qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat raw flat.vmdk
        qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse raw split.vmdk
        qemu-img convert -f raw -O vmdk raw base.vmdk
        qemu-img create -q -f vmdk -b base.vmdk -F vmdk child.vmdk
        cp child.vmdk moved.vmdk
        dd if=base.vmdk of=moved.vmdk bs=512 skip=1 seek=1000 count=20 conv=notrunc status=none
        printf '\\350\\003' | dd of=moved.vmdk bs=1 seek=28 conv=notrunc status=none
        sha256sum *.vmdk > SUMS
        """)
      for name in ["flat", "split", "child", "moved"] {
        let guest = try guest(scratch, of: "\(name).vmdk")
        let failure = try #require(throws: Failure.self) { _ = try create(guest, disk: name, mebibytes: 100) }
        #expect(failure.message.contains("is not a vmdk image that is whole in one file"), "\(failure.message)")
        #expect(try shell("blkid -p '\(scratch(name))' || true") == "")
      }
    }
  }

  @Test("Under the name that the image has itself, a guest is a copy too") func sameName() throws {
    try withScratch { scratch in
      let raw = try PartitionedGuest.debian.make(in: scratch)
      try publish(raw, as: "a.qcow2", scratch)
      let (disk, _) = try create(guest(scratch, of: "a.qcow2"), "vm1.example.com", mebibytes: 300)
      #expect(try guestFile("/etc/machine-id", on: PartitionedGuest.debian.rootOn(disk)) == "")
      #expect(try PartitionedGuest.debian.faults(of: disk) == [])
    }
  }

  @Test("An image that is in the cache is used without its source") func fetchedOnce() throws {
    try withScratch { scratch in
      let raw = try PartitionedGuest.debian.make(in: scratch)
      try publish(raw, as: "a.qcow2", scratch)
      let guest = try guest(scratch, of: "a.qcow2", more: "image_max_age_days = 0")
      #expect(try create(guest, disk: "one", mebibytes: 300).told.contains("fetching a.qcow2"))
      #expect(!(try create(guest, disk: "two", mebibytes: 300).told.contains("fetching a.qcow2")))
      try shell("rm '\(scratch("www/a.qcow2"))'")
      let (disk, _) = try create(guest, disk: "three", mebibytes: 300)
      #expect(try PartitionedGuest.debian.faults(of: disk) == [])
    }
  }

  @Test("A source that can't be asked any more leaves its image in use, with a note, and is not asked for an hour")
  func sourceGone() throws {
    try withScratch { scratch in
      try publish(try PartitionedGuest.debian.make(in: scratch), as: "a.qcow2", scratch)
      let guest = try guest(scratch, of: "a.qcow2")
      _ = try create(guest, disk: "one", mebibytes: 300)
      try shell("rm '\(scratch("www/SUMS"))'; sed -i 's/\"20[0-9]*-/\"2020-/' '\(scratch("cache"))'/pins/*")
      let (disk, told) = try create(guest, disk: "two", mebibytes: 300)
      #expect(told.contains("is used, as \(scratch("www/a.qcow2")) could not be fetched:"), "\(told)")
      #expect(told.contains("cannot open \(scratch("www/SUMS"))"), "\(told)")
      #expect(try PartitionedGuest.debian.faults(of: disk) == [])
      #expect(!(try create(guest, disk: "three", mebibytes: 300).told.contains("could not be fetched")))
    }
  }

  @Test("An image that was damaged in the cache makes no guest, and is fetched anew then") func damagedCache() throws {
    try withScratch { scratch in
      try publish(try PartitionedGuest.debian.make(in: scratch), as: "a.qcow2", scratch)
      let guest = try guest(scratch, of: "a.qcow2")
      _ = try create(guest, disk: "one", mebibytes: 300)
      try shell(
        "printf x | dd of=$(echo '\(scratch("cache"))'/images/*/disk.img) bs=1 seek=\(64 << 20 | 70000) conv=notrunc status=none"
      )
      let failure = try #require(throws: Failure.self) { _ = try create(guest, disk: "two", mebibytes: 300) }
      #expect(failure.message.contains("differs from its digests"), "\(failure.message)")
      #expect(try shell("blkid -p '\(scratch("two"))' || true") == "")
      let (disk, told) = try create(guest, disk: "three", mebibytes: 300)
      #expect(told.contains("fetching a.qcow2"), "\(told)")
      #expect(try PartitionedGuest.debian.faults(of: disk) == [])
    }
  }

  @Test("A reinstallation replaces the guest, and leaves it where the image can't be had") func reinstallation() throws
  {
    try withScratch { scratch in
      try publish(try PartitionedGuest.debian.make(in: scratch), as: "a.qcow2", scratch)
      let guest = try guest(scratch, of: "a.qcow2")
      let (disk, _) = try create(guest, disk: "disk", mebibytes: 300)
      let old = try PartitionedGuest.debian.identifiers(of: disk)
      let lines = Lines()
      try guest.run(
        guest.request(.create(isReinstall: true), "vm3.example.com", disks: [disk]),
        steps: Steps(.plain, write: { lines.write($0) }))
      #expect(lines.all.contains("reinstall_keep does not reach it"), "\(lines.all)")
      #expect(try guestFile("/etc/hostname", on: PartitionedGuest.debian.rootOn(disk)) == "vm3\n")
      let new = try PartitionedGuest.debian.identifiers(of: disk)
      #expect(old.isDisjoint(with: new))
      try shell("rm -r '\(scratch("cache/images"))' '\(scratch("www/a.qcow2"))'")
      #expect(throws: Failure.self) {
        try guest.run(guest.request(.create(isReinstall: true), "vm4.example.com", disks: [disk]))
      }
      #expect(try PartitionedGuest.debian.identifiers(of: disk) == new)
      #expect(try PartitionedGuest.debian.faults(of: disk) == [])
    }
  }

  @Test("What would be done is told, and nothing is fetched for it") func plan() throws {
    try withScratch { scratch in
      let guest = try guest(scratch, of: "a.qcow2", more: "user_data = \"#!/bin/sh\"")
      let disk = try guest.disk(mebibytes: 300)
      let lines = try guest.plan(guest.request(.create(isReinstall: false), "vm2.example.com", disks: [disk]))
      #expect(lines.contains { $0.contains("copy \(scratch("www/a.qcow2"))") }, "\(lines)")
      #expect(lines.last?.contains("user_data does not reach it") == true, "\(lines)")
      let faults = VerifyPlan(RequestedOS(definition: guest.definition, name: "guestsmith")).faults
      #expect(faults.isEmpty, "\(faults)")
    }
  }

  @Test("A disk that holds the partitions of the image does, though it is smaller; one that does not is refused")
  func smallDisk() throws {
    try withScratch { scratch in
      let raw = try PartitionedGuest.debian.make(in: scratch)
      try publish(raw, as: "a.qcow2", scratch)
      let guest = try guest(scratch, of: "a.qcow2")
      let (disk, _) = try create(guest, mebibytes: 140)
      #expect(try PartitionedGuest.debian.faults(of: disk) == [])
      let failure = try #require(throws: Failure.self) { _ = try create(guest, disk: "small", mebibytes: 120) }
      #expect(failure.code == .device)
      #expect(failure.message.contains("needs 128 MiB"), "\(failure.message)")
    }
  }

  @Test("A reinstallation on a disk without room for the copy of the table is refused, and the old guest stays")
  func noRoomForCopy() throws {
    try withScratch { scratch in
      let raw = try PartitionedGuest.debian.make(in: scratch)
      try publish(raw, as: "a.qcow2", scratch)
      let guest = try guest(scratch, of: "a.qcow2")
      // The last partition ends with this disk; 32 sectors of entries and a header come behind it.
      let disk = try guest.disk(mebibytes: 128)
      try shell("mke2fs -q -F -t ext4 '\(disk)'")
      let before = try digest(of: disk)
      let failure = try #require(throws: Failure.self) {
        try guest.run(guest.request(.create(isReinstall: true), "vm2.example.com", disks: [disk]))
      }
      #expect(failure.code == .device)
      #expect(failure.message.contains("(\(128 << 20 + 33 * 512) bytes)"), "\(failure.message)")
      #expect(failure.remedy == "give the instance a disk of at least 129 MiB")
      #expect(try digest(of: disk) == before)
      try shell("truncate --size \(128 << 20 + 33 * 512) '\(disk)'")
      try guest.run(guest.request(.create(isReinstall: true), "vm2.example.com", disks: [disk]))
      #expect(try PartitionedGuest.debian.faults(of: disk) == [])
    }
  }

  @Test("A whole disk of ext4 without a table does too") func withoutTable() throws {
    try withScratch { scratch in
      let raw = try makeSparseFile(scratch("raw"), size: 64 << 20)
      try scratch.write("alpine\n", to: "tree/etc/hostname")
      try scratch.write("LABEL=/ / ext4 rw 0 1\n", to: "tree/etc/fstab")
      try shell("mke2fs -q -F -t ext4 -L / -d '\(scratch("tree"))' '\(raw)'")
      try publish(raw, as: "a.raw.gz", scratch)
      let (disk, told) = try create(guest(scratch, of: "a.raw.gz"), mebibytes: 200)
      #expect(try problems(of: disk) == nil, "\(told)")
      #expect(try guestFile("/etc/hostname", on: disk) == "vm2\n")
      let size = try shell(
        "debugfs -R 'stats -h' '\(disk)' 2>/dev/null | awk '/^Block count/{c=$3}/^Block size/{print c*$3}'")
      #expect(size == "\(200 << 20)")
    }
  }

  @Test("A guest of an image on XFS gets its name, keys and user data by a seed, and its disk stays sound")
  func seeded() throws {
    try withScratch { scratch in
      let raw = try SmallGuest(in: scratch).emptyXFS(table: "label: gpt\n2: start=100MiB size=320MiB type=linux\n")
      try publish(raw, as: "a.qcow2", scratch)
      let guest = try guest(
        scratch, of: "a.qcow2",
        more: "configure = \"seed\"\nssh_keys = [\"ssh-ed25519 AAAAC3 me\"]\nuser_data = \"#!/bin/sh\\ntrue\"")
      let (disk, told) = try create(guest, mebibytes: 700)
      let seed = try #require(try SeedDisk(disk), "\(told)")
      #expect(try seed.faults(scratch) == [])
      #expect(try seed.metaData("local-hostname") == "vm2.example.com")
      #expect(try seed.file("vendor-data").contains("ssh-ed25519 AAAAC3 me"))
      #expect(try seed.file("user-data").hasPrefix("#!/bin/sh"))
      #expect(!told.contains("reach it"), "\(told)")
      // An image with a seed of that very name makes another instance too.
      try publish(disk, as: "b.qcow2", scratch)
      let (again, _) = try create(
        self.guest(scratch, of: "b.qcow2", more: "configure = \"seed\""), disk: "again", mebibytes: 800)
      let old = try #require(try seed.metaData("instance-id"))
      #expect(try SeedDisk(again).map { try $0.metaData("instance-id") != old } == true)
      let checked = try shell("/sbin/sfdisk --verify '\(disk)' 2>&1; /sbin/sgdisk --verify '\(disk)'")
      #expect(checked.contains("No errors detected") && checked.contains("No problems found"), "\(checked)")
      try shell(
        "dd if='\(disk)' of='\(scratch("root"))' bs=1M skip=100 conv=sparse status=none; xfs_repair -n '\(scratch("root"))' >&2"
      )
      let (other, words) = try create(
        self.guest(scratch, of: "a.qcow2", more: "configure = \"none\""), disk: "other", mebibytes: 700)
      #expect(try SeedDisk(other) == nil)
      #expect(words.contains("stays as its image has it"), "\(words)")
      let plain = try self.guest(scratch, of: "a.qcow2", more: "configure = \"files\"")
      let failure = try #require(throws: Failure.self) { _ = try create(plain, disk: "third", mebibytes: 700) }
      #expect(failure.message.contains("its files can't be edited"), "\(failure.message)")
      #expect(try shell("blkid -p '\(scratch("third"))' || true") == "")
    }
  }

  @Test("Images that nothing can give a name, and those for another processor, leave no guest")
  func refused() throws {
    try withScratch { scratch in
      let raw = try makeSparseFile(scratch("xfs"), size: 320 << 20)
      try shell("mkfs.xfs -q '\(raw)'")
      try publish(raw, as: "a.qcow2", scratch)
      let guest = try guest(scratch, of: "a.qcow2")
      let other = try #require(throws: Failure.self) { _ = try create(guest, mebibytes: 400) }
      #expect(other.message.contains("a.qcow2 its name"), "\(other.message)")
      #expect(try shell("blkid -p '\(guest.scratch("disk"))' || true") == "")
      let disk = try PartitionedGuest.debian.make(in: scratch)
      try shell("debugfs -w -R 'mkdir /bin' '\(PartitionedGuest.debian.rootOn(disk))' 2>&1")
      try scratch.write(
        [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 11) + [22, 0, 1, 0]
          + [UInt8](repeating: 1, count: 3 << 20), to: "sh")
      try shell("debugfs -w -R 'write \(scratch("sh")) /bin/sh' '\(PartitionedGuest.debian.rootOn(disk))' 2>&1")
      try publish(disk, as: "b.qcow2", scratch)
      let foreign = try self.guest(scratch, of: "b.qcow2")
      let processor = try #require(throws: Failure.self) { _ = try create(foreign, disk: "two", mebibytes: 400) }
      #expect(processor.message.contains("is an image for s390x"), "\(processor.message)")
    }
  }

  @Test("A qcow2 image that names other files, is encrypted or larger than can be, and what is not one, are refused")
  func badImages() throws {
    try withScratch { scratch in
      try scratch.folder("www")
      try shell(
        """
        cd '\(scratch("www"))'
        truncate -s 64M base; echo text > text
        qemu-img create -q -f qcow2 -b base -F raw backed.qcow2
        qemu-img create -q -f qcow2 -o data_file=data backing.qcow2 64M
        qemu-img create -q -f qcow2 locked.qcow2 64M
        printf '\\1' | dd of=locked.qcow2 bs=1 seek=35 conv=notrunc status=none
        qemu-img create -q -f qcow2 -o cluster_size=2M large.qcow2 1P
        head -c 100000 /dev/zero > not.qcow2
        : > empty.raw
        python3 - <<'END'
        import os, struct
        # 8 TiB, of which each table and each cluster is the same one.
        with open('shared.qcow2', 'wb') as image:
            image.write(struct.pack('>4sIQIIQIIQQIIQ', b'QFI\\xfb', 2, 0, 0, 16, 8 << 40, 0, 16384, 65536, 7 << 16, 1, 0, 0))
            image.seek(65536); image.write(struct.pack('>Q', 5 << 16 | 1 << 63) * 16384)
            image.seek(5 << 16); image.write(struct.pack('>Q', 6 << 16 | 1 << 63) * 8192)
            image.write(os.urandom(65536)); image.write(bytes(65536))
        END
        sha256sum *.qcow2 *.raw > SUMS
        """)
      for (name, words) in [
        ("backed", "a part is in another file"), ("backing", "a part is in another file"),
        ("locked", "is an encrypted"), ("shared", "belongs to two places of the disk"),
        ("large", "at most 16 TiB are taken"), ("not", "is not a qcow2 image"), ("empty", "has no bytes"),
      ] {
        let guest = try guest(scratch, of: name == "empty" ? "empty.raw" : "\(name).qcow2")
        let failure = try #require(throws: Failure.self) { _ = try create(guest, disk: name, mebibytes: 100) }
        #expect(failure.message.contains(words), "\(name): \(failure.message)")
        #expect(
          try shell("ls '\(scratch("cache/images"))' '\(scratch("cache/tmp"))' | grep -v : || true") == "", "\(name)")
        #expect(try shell("blkid -p '\(scratch(name))' || true") == "")
      }
    }
  }
}
