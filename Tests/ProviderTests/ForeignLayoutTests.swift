// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

/// A disk that is divided as the image of a distribution is, with filesystems that are filled by the kernel.
struct ForeignLayout: CustomTestStringConvertible, Sendable {
  struct Part: Sendable {
    let number: Int
    /// In MiB.
    let start: Int
    let length: Int
    let type: String
    /// Makes the filesystem in `$file`.
    let make: String
    let check: String
    /// Fills it, in its folder.
    let content: String
  }

  let testDescription: String
  let mebibytes: UInt64
  /// For sfdisk(8).
  let table: String
  let parts: [Part]
  let root: Int

  var rootPart: Part { parts.first { $0.number == root } ?? parts[0] }

  private static let uuid = "6f3a2a2e-2f25-4d5c-9c3a-0000000000"
  private static let esp = "type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
  private static let bios = "type=21686148-6449-6E6F-744E-656564454649"
  private static let marked = "type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"

  private static func system(_ name: String, _ fstab: String) -> String {
    """
    mkdir -p etc usr/bin srv
    printf '\(name)' >etc/os-release
    printf '\(fstab)' >etc/fstab
    echo vm1 >etc/hostname
    echo '127.0.1.1 vm1.example.com vm1' >etc/hosts
    echo 0123456789abcdef0123456789abcdef >etc/machine-id
    echo root:x:0:0:root:/root:/bin/sh >etc/passwd
    echo root:x:0: >etc/group
    head -c 3000000 /dev/urandom >usr/bin/program
    openssl rand 20000000 >srv/gone
    sync
    rm srv/gone
    """
  }

  private static func efi(_ number: Int, _ start: Int, _ length: Int, _ name: String, _ boot: String) -> Part {
    Part(
      number: number, start: start, length: length, type: "vfat", make: "mkfs.fat -i ABCD1234 $file",
      check: "fsck.fat -n $file",
      content: "mkdir -p EFI/\(name)\necho 'search.fs_uuid \(boot) root' >EFI/\(name)/grub.cfg")
  }

  private static func menu(_ root: String, _ more: String = "") -> String {
    """
    mkdir -p grub2 loader/entries
    echo 'search --fs-uuid --set=root x' >grub2/grub.cfg
    echo 'options root=UUID=\(root) ro \(more)' >loader/entries/linux.conf
    head -c 1000000 /dev/urandom >vmlinuz
    """
  }

  static let fedora = ForeignLayout(
    testDescription: "Fedora", mebibytes: 420,
    table: """
      label: gpt
      1: start=1MiB size=1MiB \(bios)
      2: start=2MiB size=38MiB \(esp)
      3: start=40MiB size=80MiB type=BC13C2FF-59E6-4262-A352-B275FD6F7172
      4: start=120MiB size=280MiB \(marked)
      """,
    parts: [
      efi(2, 2, 38, "fedora", "\(uuid)0b"),
      Part(
        number: 3, start: 40, length: 80, type: "ext4", make: "mke2fs -q -F -t ext4 -U \(uuid)0b $file",
        check: "e2fsck -fn $file", content: menu("\(uuid)0a", "rootflags=subvol=root")),
      Part(
        number: 4, start: 120, length: 280, type: "btrfs", make: "mkfs.btrfs -q -U \(uuid)0a $file",
        check: "btrfs check $file",
        content: """
          btrfs subvolume create root
          btrfs subvolume create home
          echo kept >home/data
          cd root
          \(system("ID=fedora\\\\n", "UUID=\(uuid)0a / btrfs subvol=root 0 0\\\\nUUID=\(uuid)0b /boot ext4 defaults 1 2\\\\n"))
          """),
    ], root: 4)

  static let rocky = ForeignLayout(
    testDescription: "Rocky", mebibytes: 800,
    table: """
      label: gpt
      1: start=1MiB size=39MiB \(esp)
      2: start=40MiB size=320MiB type=BC13C2FF-59E6-4262-A352-B275FD6F7172
      3: start=360MiB size=8MiB type=9E1A2D38-C612-4316-AA26-8B49521E5A8B
      4: start=368MiB size=1MiB \(bios)
      5: start=376MiB size=400MiB \(marked)
      """,
    parts: [
      efi(1, 1, 39, "rocky", "\(uuid)0b"),
      Part(
        number: 2, start: 40, length: 320, type: "xfs", make: "mkfs.xfs -q -m uuid=\(uuid)0b $file",
        check: "xfs_repair -n $file", content: menu("\(uuid)0a")),
      Part(
        number: 5, start: 376, length: 400, type: "xfs", make: "mkfs.xfs -q -m uuid=\(uuid)0a $file",
        check: "xfs_repair -n $file",
        content: system(
          "ID=rocky\\\\n", "UUID=\(uuid)0a / xfs defaults 0 0\\\\nUUID=\(uuid)0b /boot xfs defaults 0 0\\\\n")),
    ], root: 5)

  static let alpine = ForeignLayout(
    testDescription: "Alpine for UEFI", mebibytes: 200,
    table: "label: gpt\n1: start=1MiB size=1MiB \(esp)\n2: start=2MiB size=190MiB \(marked)\n",
    parts: [
      efi(1, 1, 1, "alpine", "\(uuid)0a"),
      Part(
        number: 2, start: 2, length: 190, type: "ext4",
        make: "mke2fs -q -F -t ext4 -O ^64bit -L / -U \(uuid)0a $file", check: "e2fsck -fn $file",
        content: system(
          "ID=alpine\\\\n", "LABEL=/ / ext4 defaults 0 1\\\\nUUID=ABCD-1234 /boot/efi vfat defaults 0 0\\\\n")),
    ], root: 2)

  /// With a file of cloud-init among as many others as /etc has.
  var withCloudInit: ForeignLayout {
    let more = """

      mkdir -p etc/cloud
      (cd etc && seq -f 'name-of-a-file-%g' 600 | xargs touch)
      echo >etc/cloud/cloud.cfg
      """
    let parts = parts.map { part in
      Part(
        number: part.number, start: part.start, length: part.length, type: part.type, make: part.make,
        check: part.check,
        content: part.number == root ? part.content + more : part.content)
    }
    return ForeignLayout(
      testDescription: testDescription, mebibytes: mebibytes, table: table, parts: parts, root: root)
  }

  /// Makes it.
  func make(in scratch: Scratch) throws -> String {
    let disk = try makeSparseFile(scratch("raw"), size: mebibytes << 20)
    try scratch.write(table, to: "table")
    try shell("/sbin/sfdisk --quiet '\(disk)' <'\(scratch("table"))'")
    // GRUB for the BIOS, in its partition.
    try shell("head -c 30000 /dev/urandom | dd of='\(disk)' bs=1M seek=1 conv=notrunc status=none")
    for part in parts {
      try scratch.write(part.content, to: "content")
      let fill =
        part.type == "vfat"
        ? #"mkdir "$2" && cd "$2" && sh -e "$3" && mcopy -s -i "$1" EFI :: && rm -r "$2""#
        : #"mkdir "$2" && mount -o loop "$1" "$2" && cd "$2" && sh -e "$3" >&2 && cd / && umount "$2" && rmdir "$2""#
      try shell(
        """
        set -e
        file='\(scratch("part"))'
        rm -f $file && truncate --size \(part.length)M $file
        \(part.make) >&2
        unshare --mount sh -ec '\(fill)' - $file '\(scratch("place"))' '\(scratch("content"))'
        dd if=$file of='\(disk)' bs=1M seek=\(part.start) conv=notrunc,sparse status=none
        """)
    }
    return disk
  }

  /// The digests of all files of a partition.
  func files(of part: Part, on disk: String, _ scratch: Scratch) throws -> String {
    let place = scratch("place")
    let show =
      part.type == "vfat"
      ? "mcopy -s -i '\(disk)@@\(part.start << 20)' ::EFI '\(place)'"
      : "mount -o ro,loop,offset=\(part.start << 20),sizelimit=\(try length(of: part, on: disk)) '\(disk)' '\(place)'"
    try scratch.write(
      """
      mkdir '\(place)'
      \(show)
      cd '\(place)'
      find . -type f -print0 | sort -z | xargs -0 sha256sum
      cd /
      umount '\(place)' 2>/dev/null || true
      rm -r '\(place)'
      """, to: "show")
    let files = try shell("unshare --mount sh -e '\(scratch("show"))'")
    try #require(files.contains("  ./"))
    return files
  }

  /// In bytes, as the table says.
  private func length(of part: Part, on disk: String) throws -> Int {
    let sectors = try shell(
      "/sbin/sfdisk --dump '\(disk)' | sed -nE 's/^[^ ]*[^0-9]\(part.number) : start= *\(part.start << 11), size= *([0-9]+),.*/\\1/p'"
    )
    return try #require(Int(sectors)) * 512
  }

  /// What the checkers have against the disk, and a root partition that does not reach to the end.
  func faults(of disk: String, _ scratch: Scratch) throws -> [String] {
    var faults: [String] = []
    let verified = try bash("/sbin/sfdisk --verify '\(disk)'")
    if verified.status != 0 || !verified.errors.isEmpty { faults.append("\(verified)") }
    let checked = try bash("/sbin/sgdisk --verify '\(disk)'")
    if !checked.output.contains("No problems found") { faults.append("\(checked)") }
    for part in parts {
      let length = try length(of: part, on: disk)
      let outcome = try bash(
        """
        file='\(scratch("part"))'
        rm -f $file
        dd if='\(disk)' of=$file bs=1M skip=\(part.start) count=\(length >> 20) conv=sparse status=none
        \(part.check)
        """)
      if outcome.status != 0 { faults.append("partition \(part.number): \(outcome)") }
      let size = try Descriptor(disk, O_RDONLY).status().st_size
      if part.number == root, size - (part.start << 20 + length) > 2 << 20 {
        faults.append("it does not fill the disk")
      }
    }
    return faults
  }
}

@Suite(
  "Disks as the images of other distributions are", .enabled(if: isRoot, "needs root, to fill filesystems"), .serialized
)
struct ForeignLayoutTests {
  private func restore(
    _ input: String, to name: String, as instance: String, mebibytes: UInt64, _ guest: SmallGuest
  ) throws -> (disk: String, told: String) {
    let disk = try guest.disk(name, mebibytes: mebibytes)
    let lines = Lines()
    try guest.run(
      guest.request(.import, instance, disks: [disk]), guest.surroundings(input: input),
      steps: Steps(.plain, write: { lines.write($0) }))
    return (disk, lines.all)
  }

  @Test(
    "They grow on a larger disk, are named where their root is ext4, and come out of their dump as they were",
    arguments: [ForeignLayout.fedora, .rocky, .alpine])
  func whole(_ layout: ForeignLayout) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try layout.make(in: scratch)
      let (disk, told) = try restore(
        raw, to: "larger", as: "vm2.example.com", mebibytes: layout.mebibytes + 300, guest)
      #expect(try layout.faults(of: disk, scratch) == [], "\(told)")
      let isNamed = layout.rootPart.type == "ext4"
      if isNamed {
        #expect(
          try guestFile("/etc/hostname", on: "\(disk)?offset=\(layout.rootPart.start << 20)") == "vm2\n", "\(told)")
      } else {
        #expect(told.contains("what was restored is \(layout.rootPart.type) in partition \(layout.root)"), "\(told)")
        #expect(told.contains("grows at its first boot"), "\(told)")
        for part in layout.parts {
          #expect(try layout.files(of: part, on: disk, scratch) == layout.files(of: part, on: raw, scratch))
        }
      }
      let dump = try scratch.write("", to: "dump")
      try guest.run(
        guest.request(.export(sizeDescriptor: nil), "vm2.example.com", disks: [disk]), guest.surroundings(output: dump))
      // What was deleted again is not in it.
      #expect(try Descriptor(dump, O_RDONLY).status().st_size < 15_000_000)
      let (again, words) = try restore(
        dump, to: "again", as: "vm2.example.com", mebibytes: layout.mebibytes + 300, guest)
      #expect(try layout.faults(of: again, scratch) == [], "\(words)")
      for part in layout.parts {
        #expect(try layout.files(of: part, on: again, scratch) == layout.files(of: part, on: disk, scratch), "\(words)")
      }
      #expect(
        try shell("/sbin/sfdisk --dump '\(again)' | sed 's/.*again//'")
          == shell("/sbin/sfdisk --dump '\(disk)' | sed 's/.*larger//'"))
      guard isNamed else { return }
      try guest.run(
        guest.request(.rename(from: InstanceName("vm2.example.com")), "web.example.org", disks: [again]))
      #expect(try layout.faults(of: again, scratch) == [])
      #expect(try guestFile("/etc/hostname", on: "\(again)?offset=\(layout.rootPart.start << 20)") == "web\n")
    }
  }

  @Test(
    "Where their root is not ext and has cloud-init they get a seed, which their dump has too",
    arguments: [ForeignLayout.fedora, .rocky])
  func seed(_ layout: ForeignLayout) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let layout = layout.withCloudInit
      let raw = try layout.make(in: scratch)
      let (disk, told) = try restore(
        raw, to: "larger", as: "vm2.example.com", mebibytes: layout.mebibytes + 300, guest)
      #expect(try layout.faults(of: disk, scratch) == [], "\(told)")
      for part in layout.parts {
        #expect(try layout.files(of: part, on: disk, scratch) == layout.files(of: part, on: raw, scratch))
      }
      #expect(told.contains(": it has cloud-init, which finds a seed in the new partition"), "\(told)")
      let seed = try #require(try SeedDisk(disk), "\(told)")
      #expect(seed.offset == 64 << 9)
      #expect(try seed.faults(scratch) == [])
      #expect(try seed.metaData("local-hostname") == "vm2.example.com")
      let dump = try scratch.write("", to: "dump")
      try guest.run(
        guest.request(.export(sizeDescriptor: nil), "vm2.example.com", disks: [disk]), guest.surroundings(output: dump))
      let (again, words) = try restore(
        dump, to: "again", as: "vm2.example.com", mebibytes: layout.mebibytes + 300, guest)
      #expect(try layout.faults(of: again, scratch) == [], "\(words)")
      let kept = try #require(try SeedDisk(again), "\(words)")
      #expect(try kept.faults(scratch) == [])
      for name in ["meta-data", "user-data", "vendor-data"] { #expect(try kept.file(name) == seed.file(name)) }
      try guest.run(
        guest.request(.rename(from: InstanceName("vm2.example.com")), "web.example.org", disks: [again]))
      #expect(try layout.faults(of: again, scratch) == [])
      #expect(try kept.metaData("local-hostname") == "web.example.org")
      #expect(try kept.metaData("instance-id") == seed.metaData("instance-id"))
    }
  }

  @Test("Alpine for BIOS: one ext4 with extlinux in its first sectors") func extlinux() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try PartitionedGuest.single.make(in: scratch)
      try shell(
        """
        rm '\(raw)' && truncate --size 100M '\(raw)'
        mke2fs -q -F -t ext4 -O ^64bit -L / -d '\(scratch("tree"))' '\(raw)'
        head -c 1024 /dev/urandom >'\(scratch("extlinux"))'
        dd if='\(scratch("extlinux"))' of='\(raw)' conv=notrunc status=none
        """)
      let (disk, told) = try restore(raw, to: "larger", as: "vm2.example.com", mebibytes: 300, guest)
      #expect(try problems(of: disk) == nil)
      #expect(try guestFile("/etc/hostname", on: disk) == "vm2\n", "\(told)")
      #expect(try bash("cmp --bytes 1024 '\(disk)' '\(scratch("extlinux"))'").status == 0, "\(told)")
    }
  }
}
