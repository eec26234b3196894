// SPDX-License-Identifier: Apache-2.0
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

/// Guests of a root filesystem that somebody publishes as a tar.
@Suite struct TreeImageTests {
  /// A guest of an image in `www`, trusted by its digest beside it.
  private func guest(_ scratch: Scratch, of name: String, more: String = "") throws -> SmallGuest {
    try SmallGuest(
      in: scratch,
      configuration: """
        image = "\(scratch("www/\(name)"))"
        sums = "\(scratch("www/SUMS"))"
        \(more)
        """)
  }

  /// - Parameter script: of Python, to which `tar` is the archive, and which adds to it by `add(NAME, BYTES, …)`.
  private func publish(_ script: String, as name: String, _ scratch: Scratch) throws {
    try scratch.folder("www")
    try scratch.write(
      """
      import io, sys, tarfile
      tar = tarfile.open(sys.argv[1], "w", format=tarfile.GNU_FORMAT)
      def add(name, content=b"", kind=tarfile.REGTYPE, link="", mode=0o644):
          member = tarfile.TarInfo(name)
          member.size, member.type, member.linkname, member.mode = len(content), kind, link, mode
          tar.addfile(member, io.BytesIO(content))
      add("etc/passwd", b"root:x:0:0::/root:/bin/sh\\n")
      add("etc/os-release", b'ID=alpine\\nVERSION_ID="3.23.1"\\n')
      add("bin/sh", b"#!shell", mode=0o755)
      \(script)
      tar.close()
      """, to: "make.py")
    try shell(
      "cd '\(scratch("www"))'; python3 ../make.py '\(name)'; sha256sum '\(name)' > SUMS")
  }

  private func create(
    _ guest: SmallGuest, disk: String = "disk", mebibytes: UInt64 = 512
  ) throws -> (disk: String, told: String) {
    let disk = try guest.disk(disk, mebibytes: mebibytes)
    let lines = Lines()
    try guest.run(
      guest.request(.create(isReinstall: false), "vm2.example.com", disks: [disk]),
      steps: Steps(.plain, write: { lines.write($0) }))
    return (disk, lines.all)
  }

  @Test(
    "A guest of a tar is as one of packages: its own name and network, on a sound filesystem that fills the disk",
    arguments: ["a.tar", "a.tar.gz", "a.txz", "a.tar.zst", "a.tbz2"])
  func whole(name: String) throws {
    try withScratch { scratch in
      let tar = try SmallGuest(in: scratch).tar()
      let packer = ["r": "cat", "z": name.hasSuffix("xz") ? "xz -1" : "gzip", "t": "zstd -q", "2": "bzip2"]
      try scratch.folder("www")
      try shell(
        """
        cd '\(scratch("www"))'; \(packer[String(name.last ?? "r")] ?? "cat") < '\(tar)' > '\(name)'
        sha512sum '\(name)' > SUMS
        """)
      let guest = try guest(scratch, of: name, more: "image_max_age_days = 0")
      let (disk, told) = try create(guest)
      #expect(try problems(of: disk) == nil, "\(told)")
      #expect(try guestFile("/etc/hostname", on: disk) == "vm2\n")
      #expect(try guestFile("/etc/systemd/network/10-guestsmith.network", on: disk)?.contains("DHCP=yes") == true)
      #expect(try guestFile("/etc/guestsmith-release", on: disk)?.contains("SUITE=debian") == true)
      let size = try shell(
        "debugfs -R 'stats -h' '\(disk)' 2>/dev/null | awk '/^Block count/{c=$3}/^Block size/{print c*$3}'")
      #expect(size == "\(512 << 20)")
      let same = try shell(
        """
        cd '\(scratch.path)'; mkdir tree; tar -C tree -xf '\(tar)' ./usr/bin/program
        debugfs -R "dump /usr/bin/program program" '\(disk)' 2>/dev/null; cmp program tree/usr/bin/program
        """)
      #expect(same == "")
      try shell("rm -r '\(scratch("www"))'")
      #expect(!(try create(guest, disk: "other").told.contains("fetching")))
    }
  }

  @Test("What a tree lacks is left out of its configuration, which is told") func bare() throws {
    try withScratch { scratch in
      try publish("add('srv/data', b'kept')", as: "a.tar", scratch)
      let guest = try guest(scratch, of: "a.tar", more: "timezone = \"Europe/Zurich\"")
      let (disk, told) = try create(guest)
      #expect(try problems(of: disk) == nil, "\(told)")
      for part in ["systemd-networkd", "time zone", "/etc/shadow"] {
        #expect(told.contains("left out: ") && told.contains(part), "\(part): \(told)")
      }
      #expect(try guestFile("/etc/hostname", on: disk) == "vm2\n")
      #expect(try guestFile("/srv/data", on: disk) == "kept")
      #expect(try guestFile("/etc/guestsmith-release", on: disk)?.contains("SUITE=alpine-3.23.1") == true)
    }
  }

  @Test("The cloud-init of a tree leaves name and network to what is written, and SELinux labels that")
  func cloudInit() throws {
    try withScratch { scratch in
      let script = """
        tar.format = tarfile.PAX_FORMAT
        add('etc/cloud/cloud.cfg', b'users: [default]')
        add('lib/systemd/system-generators/netplan', b'', mode=0o755)
        add('etc/netplan/50-cloud-init.yaml', b'network: {}')
        add('etc/netplan/01-mine.yaml', b'addresses: [192.0.2.7/24]')
        add('etc/selinux/config', b'SELINUX=enforcing')
        member = tarfile.TarInfo('srv/of-another-system')
        member.pax_headers = {'SCHILY.xattr.com.apple.provenance': 'x', 'SCHILY.xattr.user.note': 'y'}
        tar.addfile(member)
        """
      try publish(script, as: "a.tar", scratch)
      let guest = try guest(scratch, of: "a.tar", more: "nic_0 = \"192.0.2.7/24\"")
      let (disk, told) = try create(guest)
      #expect(try problems(of: disk) == nil, "\(told)")
      #expect(try guestFile("/etc/netplan/50-cloud-init.yaml", on: disk) == nil)
      #expect(try guestFile("/etc/netplan/01-mine.yaml", on: disk) != nil)
      #expect(
        told.contains(
          "these speak of the same interfaces or addresses, and stay as they are: /etc/netplan/01-mine.yaml"))
      let left = try guestFile("/etc/cloud/cloud.cfg.d/99-guestsmith.cfg", on: disk)
      #expect(left?.hasSuffix("preserve_hostname: true\nnetwork: {config: disabled}\n") == true, "\(left ?? "")")
      #expect(try guestFile("/.autorelabel", on: disk) != nil)
      let attributes = try shell("debugfs -R 'ea_list /srv/of-another-system' '\(disk)' 2>/dev/null")
      #expect(attributes.contains("user.note") && !attributes.contains("apple"), "\(attributes)")
    }
  }

  @Test(
    "A tar that is not the root of a guest for this machine, or not whole, leaves no guest, and nothing in the cache")
  func refused() throws {
    try withScratch { scratch in
      let elf = "b'\\x7fELF\\x02\\x01\\x01' + bytes(11) + b'\\x16\\x00\\x01\\x00'"
      let zeros =
        "member = tarfile.TarInfo('zeros'); member.size = 1 << 60; tar.fileobj.write(member.tobuf(tarfile.GNU_FORMAT)); tar.offset += 512"
      let cases: [(script: String, words: String)] = [
        ("add('../out', b'x')", "leads out of the guest"),
        ("add('a', kind=tarfile.LNKTYPE, link='../x')", "out of the"),
        ("add('a', kind=tarfile.LNKTYPE, link='none')", "not a file that it holds"),
        ("add('bin/sh', \(elf))", "is an image for s390x"), (zeros, "more than any disk"),
        ("add('etc/passwd/x', b'')", ""), ("add('.', b'x', mode=0o600)", "the root of the guest is not a folder"),
        ("add('.', kind=tarfile.LNKTYPE, link='etc/passwd')", "the root of the guest is not a folder"),
        (
          "add('var/lib/dpkg/status', b'Package: a\\nStatus: install ok installed\\nVersion: 1\\n\\n' * 100001)",
          "lists more than 100000 packages"
        ),
      ]
      for (number, (script, words)) in cases.enumerated() {
        try publish(script, as: "a.tar", scratch)
        let failure = try #require(throws: Failure.self, "\(script)") {
          _ = try create(guest(scratch, of: "a.tar"), disk: "disk\(number)")
        }
        #expect(failure.message.contains(words), "\(script): \(failure.message)")
        #expect(
          try shell("ls '\(scratch("cache/images"))' '\(scratch("cache/tmp"))' | grep -v : || true") == "", "\(script)")
        #expect(try shell("blkid -p '\(scratch("disk\(number)"))' || true") == "", "\(script)")
      }
      try shell(
        "cd '\(scratch("www"))'; mkdir -p t/etc; tar -C t -cf b.tar .; head -c 100000 /dev/zero > c.tar; sha256sum *.tar > SUMS"
      )
      for name in ["b.tar", "c.tar"] {
        let failure = try #require(throws: Failure.self, "\(name)") {
          _ = try create(guest(scratch, of: name), disk: name)
        }
        #expect(failure.message.contains("holds no root filesystem"), "\(failure.message)")
      }
      try publish("", as: "d.tar", scratch)
      let whole = try guest(scratch, of: "d.tar", more: "layout = \"gpt\"")
      let layout = try #require(throws: Failure.self) { _ = try create(whole, disk: "whole") }
      #expect(layout.message.contains("a kernel with an initrd is missing"), "\(layout.message)")
      #expect(try shell("blkid -p '\(scratch("whole"))' || true") == "")
    }
  }

  @Test("Of a file with holes what is in it takes room, not how long it is", arguments: ["gnu", "pax"])
  func sparse(format: String) throws {
    try withScratch { scratch in
      try scratch.folder("www")
      try scratch.write("root:x:0:0::/root:/bin/sh\n", to: "tree/etc/passwd")
      try scratch.write("start", to: "tree/var/log/lastlog")
      try shell(
        """
        cd '\(scratch("tree"))'; truncate -s 300G var/log/lastlog; truncate -s 10G var/hole
        printf middle | dd of=var/log/lastlog bs=1 seek=5000000000 conv=notrunc status=none
        tar --create --sparse --format=\(format) --file ../www/a.tar .
        cd ../www; sha256sum a.tar >SUMS
        """)
      let guest = try guest(scratch, of: "a.tar", more: "cache_max_size = \"200M\"")
      let (disk, told) = try create(guest, mebibytes: 200)
      #expect(try problems(of: disk) == nil, "\(told)")
      func about(_ command: String) throws -> String { try shell("debugfs -R '\(command)' '\(disk)' 2>/dev/null") }
      #expect(try about("stat /var/log/lastlog").contains("Size: \(300 << 30)"))
      #expect(try about("stat /var/hole").contains("Size: \(10 << 30)"))
      let block = try about("bmap /var/log/lastlog \(5_000_000_000 / 4096)")
      let middle = try shell(
        "dd if='\(disk)' bs=4096 skip=\(block) count=1 status=none | tail -c +\(5_000_000_000 % 4096 + 1) | head -c 6")
      #expect(middle == "middle", "\(block)")
      #expect(try about("bmap /var/log/lastlog 5000") == "0")
    }
  }

  private static let firmware: [(words: String, options: String)] = [
    ("bios", ""),
    ("uefi", "-machine q35 -drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"),
  ]

  @Test(
    "A tree with a kernel becomes a whole disk, whose boot loaders are this machine's and show its menu",
    arguments: firmware)
  func bootable(_ words: String, _ options: String) throws {
    try withScratch { scratch in
      let kernels = [("vmlinuz-6.1.0-1-amd64", "initrd.img-6.1.0-1-amd64"), ("vmlinuz-lts", "initramfs-lts")]
      let (kernel, initrd) = kernels[words == "bios" ? 0 : 1]
      try publish("add('boot/\(kernel)', b'kernel'); add('boot/\(initrd)', b'initrd')", as: "a.tar", scratch)
      let guest = try guest(scratch, of: "a.tar", more: "layout = \"gpt\"\nboot = [\"\(words)\"]")
      let (disk, told) = try create(guest)
      #expect(!told.contains("no boot loader"), "\(told)")
      #expect(try bash("sfdisk --verify '\(disk)'").status == 0)
      #expect(try shell("sgdisk --verify '\(disk)'").contains("No problems found"))
      let start = try shell("sfdisk --dump '\(disk)' | sed -n 's/.*[^0-9]1 : start= *\\([0-9]*\\).*/\\1/p'")
      let root = "\(disk)?offset=\(try #require(UInt64(start)) * 512)"
      #expect(try bash("e2fsck -fn '\(root)'").status == 0)
      // What is in the tree is not a kernel: the menu shows that GRUB found the filesystem and read its configuration.
      let console = try shell(
        """
        mkfifo '\(scratch("console"))'
        timeout 600 qemu-system-x86_64 -accel tcg -cpu max \(options) -m 512 -nodefaults -display none -monitor none -no-reboot \\
          -snapshot -serial stdio -drive file='\(disk)',format=raw,if=virtio </dev/null >'\(scratch("console"))' &
        sed '/Failed to boot both/q' <'\(scratch("console"))'
        # The menu waits for ever.
        kill $! && wait $! || true
        """)
      #expect(console.contains("Failed to boot both"), "\(console.suffix(2000))")
      #expect(console.contains("Linux \(kernel.dropFirst("vmlinuz-".count))"), "\(console.suffix(2000))")
    }
  }

  @Test("An image for which the cache lacks room is not fetched", .enabled(if: isRoot, "needs root"))
  func noRoom() throws {
    try withScratch { scratch in
      try publish("add('zeros', bytes(20 << 20))", as: "a.tar", scratch)
      let guest = try guest(scratch, of: "a.tar")
      let cache = try scratch.folder("cache")
      try shell("mount -t tmpfs -o size=10M,mode=755 none '\(cache)'")
      defer { _ = try? shell("umount '\(cache)'") }
      let failure = try #require(throws: Failure.self) { _ = try create(guest) }
      #expect(failure.code == .space)
      #expect(failure.message.contains("free, and fetching the image takes 20 MiB"), "\(failure.message)")
    }
  }

  @Test("Of what a worker lists no more is read than a guest can need") func longList() throws {
    let list = try Descriptor(inMemory: "the used blocks")
    try list.setLength(DiskImage.longestList + 16)
    let failure = try #require(throws: Failure.self) { _ = try DiskImage.ranges(in: list, of: 1 << 40) }
    #expect(failure.message.contains("more than the 64 MiB that are read"), "\(failure.message)")
  }

  @Test("A tar that unpacks to more than the cache may have is refused before it is unpacked") func bomb() throws {
    try withScratch { scratch in
      try publish("add('zeros', bytes(300 << 20))", as: "a.tar", scratch)
      try shell("cd '\(scratch("www"))'; zstd -q a.tar; sha256sum a.tar.zst > SUMS")
      let guest = try guest(scratch, of: "a.tar.zst", more: "cache_max_size = \"200M\"")
      let failure = try #require(throws: Failure.self) { _ = try create(guest) }
      #expect(failure.message.contains("the cache takes at most 200 MiB"), "\(failure.message)")
      #expect(try shell("ls '\(scratch("cache/images"))' '\(scratch("cache/tmp"))' | grep -v : || true") == "")
    }
  }
}
