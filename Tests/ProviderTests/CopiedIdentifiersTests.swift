// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("What a copy of a disk with partitions is known by")
struct CopiedIdentifiersTests {
  private static let partition = "1111abcd-3333-4444-8555-666677778888"

  /// Imports a copy of a disk that was changed by a command, which has it as `$disk`, its root as `$root`, its /boot as `$boot`
  /// and its EFI system partition as `$efi`.
  private func copy(
    of layout: PartitionedGuest, after change: String,
    _ body: (_ old: Set<String>, _ disk: String, _ told: String) throws -> Void
  ) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try layout.make(in: scratch)
      try shell(
        """
        disk='\(raw)' root='\(layout.rootOn(raw))' boot='\(layout.bootOn(raw) ?? "")'
        efi='\(raw)@@\((layout.efi?.start ?? 0) << 20)' file='\(scratch("file"))'
        put() { debugfs -w -R "rm $2" "$1" 2>/dev/null >&2; debugfs -w -R "write $file $2" "$1" 2>/dev/null >&2; }
        \(change)
        """)
      let old = try layout.identifiers(of: raw)
      let disk = try guest.disk("restored", mebibytes: 300)
      let lines = Lines()
      try guest.run(
        guest.request(.import, "vm2.example.com", disks: [disk]), guest.surroundings(input: raw),
        steps: Steps(.plain, write: { lines.write($0) }))
      #expect(try layout.faults(of: disk) == [], "\(lines.all)")
      #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == "vm2\n", "\(lines.all)")
      try body(old, disk, lines.all)
    }
  }

  struct Obstacle: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var layout = PartitionedGuest.ubuntu
    let change: String
    let reason: String
  }

  static let obstacles = [
    Obstacle(
      testDescription: "a loader with it in its bytes",
      change: """
        printf 'MZ\\0%s' \(PartitionedGuest.uuid) >"$file"
        printf 'MZ\\0%s' \(PartitionedGuest.bootUUID) >>"$file"
        mcopy -i "$efi" "$file" ::/EFI/BOOT/GRUBX64.EFI
        """, reason: "/boot/efi/EFI/BOOT/GRUBX64.EFI names it and can't be edited"),
    Obstacle(
      testDescription: "a kernel with an initrd in it",
      change: """
        { printf 'MZ'; head -c 300 /dev/zero; printf '.linux\\0\\0.initrd\\0'; head -c 5000 /dev/urandom; } >"$file"
        mcopy -i "$efi" "$file" ::/EFI/linux.efi
        """, reason: "/boot/efi/EFI/linux.efi is a kernel with an initrd in it"),
    Obstacle(
      testDescription: "an initrd in /boot that is damaged",
      change: """
        printf '\\050\\265\\057\\375 not zstd' >"$file"; put "$boot" /initrd.img
        """, reason: "/boot/initrd.img can't be searched for it"),
    Obstacle(
      testDescription: "an EFI system partition whose files share clusters",
      change: """
        head -c 9000 /dev/zero >"$file"; mcopy -i "$efi" "$file" ::/A; mcopy -i "$efi" "$file" ::/B
        python3 - "$disk" <<'END'
        import sys
        with open(sys.argv[1], 'r+b') as disk:
            disk.seek(5 << 20)
            sector = disk.read(512)
            reserved = int.from_bytes(sector[14:16], 'little') * 512
            tables, length = sector[16], int.from_bytes(sector[22:24], 'little') * 512
            disk.seek((5 << 20) + reserved + tables * length)
            root = disk.read(2048)
            a, b = (root.index(name + b' ' * 10) for name in (b'A', b'B'))
            disk.seek((5 << 20) + reserved + tables * length + b + 26)
            disk.write(root[a + 26:a + 28])
        END
        """, reason: "/boot/efi can't be searched for it: the FAT filesystem in partition 15 is damaged"),
    Obstacle(
      testDescription: "a /boot with errors", change: "debugfs -w -R 'clri <2>' \"$boot\" 2>/dev/null",
      reason: "partition 16 (ext4) has errors"),
    Obstacle(
      testDescription: "a /boot that is not on the disk", layout: .debian,
      change: """
        printf 'UUID=\(PartitionedGuest.uuid) / ext4 x 0 1\\n/dev/vdb1 /boot ext4 x 0 2\\n' >"$file"; put "$root" /etc/fstab
        """, reason: "the guest's /boot is another filesystem"),
    Obstacle(
      testDescription: "an XFS that fstab does not know",
      layout: .single,
      change: """
        printf '2: start=4096 size=100000\\n' | /sbin/sfdisk --quiet --append "$disk"
        printf XFSB | dd of="$disk" bs=512 seek=4096 conv=notrunc status=none
        """, reason: "partition 2 (xfs) may name it"),
  ]

  @Test("It keeps all of that where something can't follow, and one note says why", arguments: obstacles)
  func keeps(_ obstacle: Obstacle) throws {
    var layout = obstacle.layout
    // What the change damages is not to be found sound.
    if obstacle.reason.contains("FAT") { layout.isEFISound = false }
    if obstacle.reason.contains("has errors") { layout.isBootSound = false }
    try copy(of: layout, after: obstacle.change) { (old: Set<String>, disk: String, told: String) throws in
      let kept = try layout.identifiers(of: disk).intersection(old)
      #expect(kept.contains(PartitionedGuest.uuid), "\(told)")
      #expect(told.contains(": \(obstacle.reason)"), "\(told)")
      #expect(told.split(separator: "\n").count { $0.contains("of the original") } == 1, "\(told)")
      if layout.efi != nil {
        let first = layout.boot == nil ? PartitionedGuest.uuid : PartitionedGuest.bootUUID
        let loader = try layout.efiFile("/EFI/debian/grub.cfg", on: disk)
        #expect(loader == "search.fs_uuid \(first) root")
      }
    }
  }

  @Test("UUIDs of partitions follow in fstab, in menus and in the EFI system partition", arguments: [false, true])
  func partitionUUIDs(isUpper: Bool) throws {
    let uuid = isUpper ? Self.partition.uppercased() : Self.partition
    let change = """
      /sbin/sfdisk --quiet --part-uuid "$disk" 1 \(Self.partition)
      printf 'PARTUUID=\(uuid) / ext4 x 0 1\\nPARTLABEL=BOOT /boot ext4 x 0 2\\n' >"$file"; put "$root" /etc/fstab
      printf 'linux /vmlinuz root=PARTUUID=\(uuid)\\n' >"$file"; put "$boot" /grub/grub.cfg
      printf 'options root=PARTUUID=\(uuid)\\n' >"$file"; mcopy -i "$efi" "$file" ::/EFI/entry.conf
      """
    let layout = PartitionedGuest.ubuntu
    try copy(of: layout, after: change) { (old: Set<String>, disk: String, told: String) throws in
      #expect(try layout.identifiers(of: disk).isDisjoint(with: old), "\(told)")
      let new = try shell("/sbin/sfdisk --part-uuid '\(disk)' 1")
      let text = isUpper ? new.uppercased() : new.lowercased()
      #expect(try guestFile("/etc/fstab", on: layout.rootOn(disk))?.hasPrefix("PARTUUID=\(text) / ") == true)
      #expect(
        try guestFile("/grub/grub.cfg", on: layout.bootOn(disk) ?? "") == "linux /vmlinuz root=PARTUUID=\(text)\n")
      #expect(try layout.efiFile("/EFI/entry.conf", on: disk) == "options root=PARTUUID=\(text)")
    }
  }

  @Test("One partition keeps its UUID where an initrd names it, and all else gets another") func partly() throws {
    let change = """
      /sbin/sfdisk --quiet --part-uuid "$disk" 1 \(Self.partition)
      printf 'root=PARTUUID=\(Self.partition)' | gzip >"$file"; put "$boot" /initrd.img
      """
    let layout = PartitionedGuest.ubuntu
    try copy(of: layout, after: change) { (old: Set<String>, disk: String, told: String) throws in
      let kept = try layout.identifiers(of: disk).intersection(old)
      #expect(kept == [Self.partition.uppercased()], "\(told)")
      #expect(
        told.contains(
          "entry 1 of the partition table has the UUID of the original, \(Self.partition): "
            + "/boot/initrd.img names it and can't be edited"), "\(told)")
    }
  }

  @Test("What is mounted where no system boots from is not asked, and stays as it is") func elsewhere() throws {
    let change = """
      printf '2: start=4096 size=100000\\n' | /sbin/sfdisk --quiet --append "$disk"
      printf XFSB | dd of="$disk" bs=512 seek=4096 conv=notrunc status=none
      printf 'UUID=\(PartitionedGuest.uuid) / ext4 x 0 1\\n/dev/vda2 /home xfs x 0 2\\n' >"$file"; put "$root" /etc/fstab
      """
    try copy(of: .single, after: change) { (old: Set<String>, disk: String, told: String) throws in
      #expect(try PartitionedGuest.single.identifiers(of: disk).isDisjoint(with: old), "\(told)")
      #expect(!told.contains("of the original"), "\(told)")
    }
  }

  /// Has a journal hold a block for the file system in `$boot` or `$root`, as one that is mounted does.
  private static func mounted(_ filesystem: String, block: Int) -> String {
    """
    head -c 4096 /dev/zero >"$file"
    printf 'jo\\njw -b \(block) %s\\njc\\n' "$file" >"$file.jobs"
    debugfs -w -f "$file.jobs" "\(filesystem)" >&2
    debugfs -R 'stats -h' "\(filesystem)" 2>/dev/null | grep -q needs_recovery
    """
  }

  @Test("Journals of a root and a /boot that were mounted are recovered before these are changed") func journals()
    throws
  {
    let layout = PartitionedGuest.ubuntu
    let change = Self.mounted("$boot", block: 30_000) + "\n" + Self.mounted("$root", block: 60_000)
    try copy(of: layout, after: change) { (old: Set<String>, disk: String, told: String) throws in
      #expect(try layout.identifiers(of: disk).isDisjoint(with: old), "\(told)")
      #expect(told.contains("check partition 16"), "\(told)")
    }
  }

  @Test("A guest that was not shut down is renamed") func renamed() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let layout = PartitionedGuest.debian
      let disk = try layout.make(in: scratch)
      try shell("file='\(scratch("file"))' root='\(layout.rootOn(disk))'\n" + Self.mounted("$root", block: 60_000))
      try guest.run(guest.request(.rename(from: InstanceName("vm1.example.com")), "web.example.org", disks: [disk]))
      #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == "web\n")
      #expect(try layout.faults(of: disk) == [])
    }
  }
}
