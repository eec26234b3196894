// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("What a guest is restored as")
struct CopyTests {
  /// All that a guest may boot by.
  static let bootFiles = [
    "/etc/crypttab": "cryptswap /dev/disk/by-uuid/@SWAP@ /dev/urandom swap\n",
    "/boot/grub/grub.cfg": "search --no-floppy --fs-uuid --set=root @ROOT@\n linux /vmlinuz root=UUID=@ROOT@ ro\n",
    "/boot/grub/custom.cfg": "set root_uuid=\"@ROOT@\"\n", "/boot/grub/menu.lst": "# kopt=root=UUID=@ROOT@ ro\n",
    "/boot/grub/grubenv": "# GRUB Environment Block\nkernelopts=root=UUID=@ROOT@ ro \n####",
    "/boot/grub2/grub.cfg": "search --fs-uuid @ROOT@", "/boot/extlinux/extlinux.conf": "APPEND root=UUID=@ROOT@ ro\n",
    "/extlinux/extlinux.conf": "APPEND root=UUID=@ROOT@ ro\n", "/boot/syslinux/syslinux.cfg": "root=UUID='@ROOT@'\n",
    "/boot/loader/entries/0123-6.1.conf": "options root=UUID=@ROOT@ resume=UUID=@SWAP@\n",
    "/etc/kernel/cmdline": "root=UUID=@ROOT@ resume=UUID=@SWAP@", "/etc/lilo.conf": "root=\"UUID=@ROOT@\"\n",
    "/etc/default/grub": "GRUB_CMDLINE_LINUX=\"resume=UUID=@SWAP@\"\n",
    "/etc/default/grub.d/root.cfg": "GRUB_CMDLINE_LINUX=\"root=UUID=@ROOT@\"\n",
    "/etc/initramfs-tools/conf.d/resume": "RESUME=UUID=@SWAP@\n",
    "/etc/dracut.conf.d/root.conf": "kernel_cmdline=\"root=UUID=@ROOT@\"\n",
    "/etc/systemd/system/x.service":
      "After=dev-disk-by\\x2duuid-0a1b2c3d\\x2d4e5f\\x2d4071\\x2d8293\\x2da4b5c6d7e8f9.device",
    "/etc/fstab.old": "# UUID=@ROOT@ / ext4\n", "/etc/ours/notes": "@ROOT@ @SWAP@", "/boot/empty": "",
    "/srv/backup": "UUID=@ROOT@",
  ]

  @Test(
    "Under its own name it has the UUIDs, the features and every byte that it had",
    arguments: [
      "", "none", "^metadata_csum", "metadata_csum_seed", "encrypt,stable_inodes", "^metadata_csum,uninit_bg",
    ])
  func itself(features: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, files: Self.bootFiles, features: features)
      let restored = try guest.imported(as: "vm1.example.com", size: 80 << 20)
      #expect(restored.root == SmallGuest.root && restored.swap == SmallGuest.swap)
      #expect(try SmallGuest.features(of: restored.disk) == SmallGuest.features(of: guest.disk))
      #expect(try shell("diff -r '\(guest.tree(of: guest.disk))' '\(restored.tree)'") == "")
    }
  }

  @Test(
    "A copy has other UUIDs, and whatever names the old ones follows",
    arguments: [
      "", "none", "^metadata_csum", "metadata_csum_seed", "^metadata_csum,uninit_bg", "ea_inode",
      "ea_inode,^metadata_csum",
    ])
  func copy(features: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, files: Self.bootFiles, features: features)
      let copy = try guest.imported(as: "vm2.example.com")
      #expect(copy.root != SmallGuest.root && copy.swap != SmallGuest.swap)
      #expect(try SmallGuest.features(of: copy.disk) == SmallGuest.features(of: guest.disk))
      for (path, text) in Self.bootFiles where path.hasPrefix("/srv") == false && !text.contains("x2d") {
        #expect(try copy.read(path) == SmallGuest.filled(text, root: copy.root, swap: copy.swap), "\(path)")
        if !text.isEmpty { #expect(copy.log.contains(path), "\(path) is told of") }
      }
      let unit = try copy.read("/etc/systemd/system/x.service")
      #expect(unit == "After=dev-disk-by\\x2duuid-\(copy.root.split(separator: "-").joined(separator: "\\x2d")).device")
      #expect(try copy.read("/etc/fstab").contains("UUID=\(copy.root) / "))
      #expect(try copy.read("/etc/fstab").contains("UUID=\(copy.swap) none swap"))
      #expect(try copy.read("/srv/backup").contains(SmallGuest.root), "a guest's own data are its own")
      #expect(try copy.read("/etc/hostname") == "vm2\n" && copy.read("/etc/machine-id") == "")
    }
  }

  @Test(
    "The kernel reads large attributes of a copy, whose checksums depend on the UUID",
    .enabled(if: isRoot, "needs root"), arguments: ["ea_inode", "ea_inode,^metadata_csum"])
  func largeAttributes(features: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, features: features)
      let value = String(repeating: "x", count: 9000)
      try withMounted(guest.disk, options: "rw") {
        _ = try shell("setfattr -n user.large -v \(value) '\($0)/etc/passwd'")
      }
      let copy = try guest.imported(as: "vm2.example.com")
      #expect(copy.root != SmallGuest.root)
      let found = try withMounted(copy.disk) { try shell("getfattr --only-values -n user.large '\($0)/etc/passwd'") }
      #expect(found.contains(value))
    }
  }

  /// What names the UUID of the root and can't be another, and what is told of it.
  static let obstacles: [(name: String, make: @Sendable (Scratch) throws -> SmallGuest)] = [
    ("/boot/core.img", { try SmallGuest(in: $0, bytes: ["/boot/core.img": [0] + Array(SmallGuest.root.utf8)]) }),
    ("/etc/state", { try SmallGuest(in: $0, bytes: ["/etc/state": Array(SmallGuest.root.uppercased().utf8) + [0]]) }),
    (
      "/boot/grub/i386-pc/load.cfg",
      { try SmallGuest(in: $0, files: ["/boot/grub/i386-pc/load.cfg": "search.fs_uuid @ROOT@ root \n"]) }
    ),
    ("/etc/long", { try SmallGuest(in: $0, files: ["/etc/long": "@ROOT@" + String(repeating: " ", count: 1 << 20)]) }),
    (
      "/etc/sealed",
      { scratch in
        let guest = try SmallGuest(in: scratch, files: ["/etc/sealed": "@ROOT@"], features: "verity")
        try shell("debugfs -w -R 'sif /etc/sealed flags 0x180000' '\(guest.disk)'")
        return guest
      }
    ),
    ("/etc/disk", { try SmallGuest(in: $0, links: ["/etc/disk": "/dev/disk/by-uuid/@ROOT@"]) }),
    (
      "/boot/efi",
      { try SmallGuest(in: $0, files: ["/etc/fstab": "UUID=@ROOT@ / ext4 x\n/dev/sdb /boot/efi vfat x\n"]) }
    ),
    (
      "stable_inodes",
      { try SmallGuest(in: $0, files: ["/boot/grub/grub.cfg": "@ROOT@"], features: "encrypt,stable_inodes") }
    ),
  ]

  @Test("A copy keeps its UUID where what names it can't follow, and says so", arguments: obstacles.indices)
  func kept(index: Int) throws {
    try withScratch { scratch in
      let (name, make) = Self.obstacles[index]
      let guest = try make(scratch)
      let copy = try guest.imported(as: "vm2.example.com")
      #expect(copy.root == SmallGuest.root)
      #expect(copy.log.contains(SmallGuest.root) && copy.log.contains(name), "\(copy.log)")
      #expect(try copy.read("/etc/fstab").contains("UUID=\(SmallGuest.root) / "))
      #expect(try copy.read("/etc/hostname") == "vm2\n")
    }
  }

  @Test(
    "A UUID is seen in an initial RAM filesystem, however that is packed",
    arguments: ["cat", "gzip -1", "xz -0 --check=crc32", "xz --format=lzma -0", "lz4 -lq", "zstd -q", "bzip2"])
  func initrd(pack: String) throws {
    try withScratch { scratch in
      let names = Archive.cpio(["conf/conf.d/resume": "RESUME=UUID=\(SmallGuest.swap)\n", "x": "long\(long)"])
      try scratch.write(names, to: "names")
      let early = Archive.cpio(["kernel/x86/microcode/x.bin": "micro"]) + [UInt8](repeating: 0, count: 512)
      try scratch.write(early, to: "early")
      try shell("cd '\(scratch.path)' && mkdir -p tree/boot && { cat early; \(pack) < names; } > tree/boot/initrd.img")
      let guest = try SmallGuest(in: scratch)
      let copy = try guest.imported(as: "vm2.example.com")
      #expect(copy.swap == SmallGuest.swap && copy.root != SmallGuest.root)
      #expect(copy.log.contains(SmallGuest.swap) && copy.log.contains("/boot/initrd.img"), "\(copy.log)")
      #expect(try copy.read("/etc/fstab").contains("UUID=\(SmallGuest.swap) none swap"))
      // Nothing in it: then nothing is in the way.
      try scratch.write(Archive.cpio(["x": "long\(long)"]), to: "names")
      try shell("cd '\(scratch.path)' && { cat early; \(pack) < names; } > tree/boot/initrd.img")
      #expect(try SmallGuest(in: scratch).imported(as: "vm3.example.com").swap != SmallGuest.swap)
    }
  }

  private let long = String(repeating: "0123456789abcdef-", count: 100_000)

  @Test("An initial RAM filesystem that can't be unpacked keeps the UUIDs, and is told of")
  func brokenInitrd() throws {
    try withScratch { scratch in
      try shell("mkdir -p '\(scratch("tree"))/boot'")
      try shell("head -c 100000 /dev/urandom | gzip | head -c 50000 > '\(scratch("tree"))/boot/initrd.img'")
      let copy = try SmallGuest(in: scratch).imported(as: "vm2.example.com")
      #expect(copy.root == SmallGuest.root && copy.swap == SmallGuest.swap)
      #expect(copy.log.contains("/boot/initrd.img can't be searched"), "\(copy.log)")
    }
  }

  @Test("A dump of another instance is a copy though the guest calls itself so; the hostname may be anything")
  func recorded() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(
        in: scratch, files: ["/etc/hostname": "web\n", "/etc/hosts": "127.0.1.1 web.lan web\n"])
      let same = try guest.imported(as: "vm1.example.com")
      #expect(same.root == SmallGuest.root)
      #expect(try same.read("/etc/hostname") == "web\n" && same.read("/etc/machine-id").hasPrefix("0123"))
      let copy = try guest.imported(as: "web.lan")
      #expect(copy.root != SmallGuest.root)
      #expect(try copy.read("/etc/hostname") == "web\n" && copy.read("/etc/machine-id") == "")
    }
  }

  @Test("A tar of a guest becomes that guest with its UUIDs, or a copy with others")
  func tar() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, files: Self.bootFiles)
      let command = "tar -C '\(scratch("tree"))' -c ."
      let same = try guest.imported(as: "vm1.example.com", from: command)
      #expect(same.root == SmallGuest.root && same.swap == SmallGuest.swap)
      #expect(try shell("diff -r '\(scratch("tree"))' '\(same.tree)' | grep -v lost+found; true") == "")
      let copy = try guest.imported(as: "vm2.example.com", from: command)
      #expect(![SmallGuest.root, same.root].contains(copy.root))
      for (path, text) in Self.bootFiles where !path.hasPrefix("/srv") && !text.contains("x2d") {
        #expect(try copy.read(path) == SmallGuest.filled(text, root: copy.root, swap: copy.swap), "\(path)")
      }
    }
  }

  @Test("A tar in whose fstab no line mounts the root gets one; a disk stays as it was")
  func rootLine() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, files: ["/etc/fstab": "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n"])
      let new = try guest.imported(as: "vm2.example.com", from: "tar -C '\(scratch("tree"))' -c .")
      #expect(
        try new.read("/etc/fstab").hasPrefix(
          "# UNCONFIGURED FSTAB FOR BASE SYSTEM\nUUID=\(new.root)\t/\text4\terrors=remount-ro\t0\t1\nUUID=\(new.swap)\t"
        ))
      #expect(try !guest.imported(as: "vm3.example.com").read("/etc/fstab").contains("errors=remount-ro"))
    }
  }

  @Test("A copy is told what of its original's hardware it names")
  func hardware() throws {
    try withScratch { scratch in
      let rules = "# This file was automatically generated by the /lib/udev/write_net_rules program\n"
      let guest = try SmallGuest(
        in: scratch,
        files: [
          "/etc/udev/rules.d/70-persistent-net.rules": rules,
          "/etc/netplan/01.yaml": "match: {macaddress: '52:54:00:ab:cd:ef'}\n",
        ])
      let copy = try guest.imported(as: "vm2.example.com")
      #expect(
        copy.log.contains("/etc/udev/rules.d/70-persistent-net.rules") && copy.log.contains("/etc/netplan/01.yaml"))
      #expect(try bash("test -e '\(copy.tree)/etc/udev/rules.d/70-persistent-net.rules'").status == 1)
      let same = try guest.imported(as: "vm1.example.com")
      #expect(try same.read("/etc/udev/rules.d/70-persistent-net.rules") == rules)
      #expect(!same.log.contains("/etc/netplan/01.yaml"))
    }
  }
}

/// An archive of cpio's format newc, for tests of a machine without cpio.
private enum Archive {
  static func cpio(_ files: [String: String]) -> [UInt8] {
    (files.sorted { $0.key < $1.key } + [("TRAILER!!!", "")]).flatMap { name, text -> [UInt8] in
      let numbers = [0, 0o100644, 0, 0, 1, 0, text.utf8.count, 0, 0, 0, 0, name.utf8.count + 1, 0]
      let header =
        "070701"
        + numbers.map { number in
          let digits = String(number, radix: 16)
          return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
      return padded(Array(header.utf8) + Array(name.utf8) + [0]) + padded(Array(text.utf8))
    }
  }

  private static func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
  }
}
