// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport

/// A guest on a whole disk, divided as the images of a distribution are.
struct PartitionedGuest: CustomStringConvertible, Sendable {
  let description: String
  /// For sfdisk(8).
  let script: String
  let isGPT: Bool
  /// The number of the partition with the root filesystem, and where it is in MiB.
  let root: (number: Int, start: UInt64, length: UInt64)
  /// Of another ext4 for /boot, in MiB.
  var boot: (start: UInt64, length: UInt64)?
  /// Of its EFI system partition, in MiB.
  var efi: (start: UInt64, length: UInt64)?
  var fstab: String
  /// What a test has damaged is not looked at by fsck.
  var isBootSound = true
  var isEFISound = true

  private static let bios = "type=21686148-6449-6E6F-744E-656564454649"
  private static let esp = "type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
  private static let linux = "type=0FC63DAF-8483-4772-8E79-3D69D8477DE4"
  private static let marked = "type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
  static let uuid = "6f3a2a2e-2f25-4d5c-9c3a-00000000000a"
  static let bootUUID = "6f3a2a2e-2f25-4d5c-9c3a-00000000000b"

  static let debian = PartitionedGuest(
    description: "Debian",
    script: "label: gpt\n14: start=2048 size=6144 \(bios)\n15: start=8192 size=122880 \(esp)\n"
      + "1: start=131072 size=131072 \(marked)\n", isGPT: true, root: (1, 64, 64), efi: (4, 60),
    fstab: "UUID=\(uuid) / ext4 defaults 0 1\nUUID=ABCD-1234 /boot/efi vfat defaults 0 0\n")
  static let ubuntu = PartitionedGuest(
    description: "Ubuntu",
    script: "label: gpt\n14: start=2048 size=8192 \(bios)\n15: start=10240 size=55296 \(esp)\n"
      + "16: start=65536 size=65536 type=BC13C2FF-59E6-4262-A352-B275FD6F7172 name=BOOT\n"
      + "1: start=131072 size=131072 \(linux)\n", isGPT: true, root: (1, 64, 64), boot: (32, 32), efi: (5, 27),
    fstab: "LABEL=cloudimg-rootfs / ext4 defaults 0 1\nLABEL=BOOT /boot ext4 defaults 0 2\n"
      + "LABEL=UEFI /boot/efi vfat umask=0077 0 1\n")
  static let logical = PartitionedGuest(
    description: "MBR with a logical root",
    script: "label: dos\n1: start=2048 size=61440 type=83 bootable\n"
      + "2: start=63488 type=05\n5: start=65536 size=61440 type=82\n6: start=131072 size=131072 type=83\n",
    isGPT: false, root: (6, 64, 64), boot: (1, 30),
    fstab: "UUID=\(uuid) / ext4 defaults 0 1\nUUID=\(bootUUID) /boot ext2 defaults 0 2\n")
  static let single = PartitionedGuest(
    description: "MBR with one partition", script: "label: dos\n1: start=131072 size=131072 type=83 bootable\n",
    isGPT: false, root: (1, 64, 64), fstab: "UUID=\(uuid) / ext4 defaults 0 1\n")
  static let all = [debian, ubuntu, logical, single]

  /// Makes its disk, of 192 MiB, with GRUB's marks where GRUB is.
  ///
  /// - Parameter before: a command that is run on `$disk` before that is divided.
  func make(_ name: String = "raw", in scratch: Scratch, after before: String = "true") throws -> String {
    let disk = try makeSparseFile(scratch(name), size: 192 << 20)
    try scratch.write(script, to: "script")
    try shell("disk='\(disk)'; \(before); /sbin/sfdisk --quiet --wipe never '\(disk)' < '\(scratch("script"))'")
    try makeTree(in: scratch)
    try shell(
      """
      mke2fs -q -F -t ext4 -U \(Self.uuid) -L cloudimg-rootfs -d '\(scratch("tree"))' -E offset=\(root.start << 20) \
      '\(disk)' \(root.length << 10)k
      printf 'loader' | dd of='\(disk)' conv=notrunc status=none
      """)
    if let boot {
      try scratch.write(menu(boot: Self.bootUUID), to: "boot/grub/grub.cfg")
      try shell(
        """
        mke2fs -q -F -t ext4 -U \(Self.bootUUID) -L BOOT -d '\(scratch("boot"))' -E offset=\(boot.start << 20) \
        '\(disk)' \(boot.length << 10)k
        """)
    }
    if let efi {
      try scratch.write(
        "search.fs_uuid \(boot == nil ? Self.uuid : Self.bootUUID) root\n", to: "efi/EFI/debian/grub.cfg")
      try scratch.write("shim", to: "efi/EFI/BOOT/BOOTX64.EFI")
      try shell(
        """
        mkfs.fat -n UEFI -i ABCD1234 --offset \(efi.start << 11) '\(disk)' \(efi.length << 10) >&2
        mcopy -s -i '\(disk)@@\(efi.start << 20)' '\(scratch("efi/EFI"))' ::
        """)
    }
    return disk
  }

  private func menu(boot: String) -> String {
    "search --no-floppy --fs-uuid --set=root \(boot)\nlinux /vmlinuz root=UUID=\(Self.uuid) ro\n"
  }

  private func makeTree(in scratch: Scratch) throws {
    try scratch.write(fstab, to: "tree/etc/fstab")
    try scratch.write("ID=debian\n", to: "tree/etc/os-release")
    try scratch.write("vm1\n", to: "tree/etc/hostname")
    try scratch.write("127.0.1.1 vm1.example.com vm1\n", to: "tree/etc/hosts")
    try scratch.write("0123456789abcdef0123456789abcdef\n", to: "tree/etc/machine-id")
    try scratch.write("root:x:0:0:root:/root:/bin/sh\n", to: "tree/etc/passwd")
    try scratch.write("root:x:0:\n", to: "tree/etc/group")
    try scratch.write("kept\n", to: "tree/srv/data")
    if boot == nil { try scratch.write(menu(boot: Self.uuid), to: "tree/boot/grub/grub.cfg") }
    try scratch.write([UInt8](repeating: 7, count: 3 << 20), to: "tree/usr/bin/program")
  }

  /// How the tools of e2fsprogs name the root filesystem on a disk.
  func rootOn(_ disk: String) -> String { "\(disk)?offset=\(root.start << 20)" }

  func bootOn(_ disk: String) -> String? { boot.map { "\(disk)?offset=\($0.start << 20)" } }

  /// A file in the EFI system partition.
  func efiFile(_ path: String, on disk: String) throws -> String? {
    try efi.map { try shell("mtype -i '\(disk)@@\($0.start << 20)' '::\(path)'") }
  }

  /// What the disk is known by: UUIDs of filesystems, and of a GPT those of the disk and of partitions.
  func identifiers(of disk: String) throws -> Set<String> {
    let table = isGPT ? try shell("/sbin/sfdisk --dump '\(disk)' | grep -oE '(label-id: |uuid=)[0-9A-F-]+'") : ""
    let filesystems = try [rootOn(disk), bootOn(disk)].compactMap { $0 }.map {
      try shell("debugfs -R 'stats -h' '\($0)' 2>/dev/null | awk '/^Filesystem UUID/ { print $3 }'")
    }
    return Set(
      table.split(separator: "\n").map { $0.split { " =".contains($0) }.last.map(String.init) ?? "" } + filesystems)
  }

  /// What sfdisk, sgdisk and e2fsck have against the disk, and what is not as large as it must be.
  func faults(of disk: String) throws -> [String] {
    var faults: [String] = []
    let verified = try bash("/sbin/sfdisk --verify '\(disk)'")
    if verified.status != 0 || !verified.errors.isEmpty { faults.append(verified.output + verified.errors) }
    if isGPT {
      let checked = try bash("/sbin/sgdisk --verify '\(disk)'").output
      if !checked.contains("No problems found") { faults.append(checked) }
    }
    for filesystem in [rootOn(disk), isBootSound ? bootOn(disk) : nil].compactMap({ $0 }) {
      if let found = try problems(of: filesystem) { faults.append(found) }
    }
    if let efi, isEFISound {
      let checked = try bash(
        "f=$(mktemp) && dd if='\(disk)' of=$f bs=1M skip=\(efi.start) count=\(efi.length) status=none && fsck.fat -n $f; s=$?; rm $f; exit $s"
      )
      if checked.status != 0 { faults.append(checked.output) }
    }
    let listed = try shell("/sbin/sfdisk --json '\(disk)' | tr -d ' \\n'")
    let sectors = listed.split(separator: "{").first { $0.contains("\(disk)\(root.number)\"") }?
      .split(separator: ",").first { $0.contains("\"size\"") }?.split(separator: ":").last.flatMap { UInt64($0) }
    let size = try shell(
      "debugfs -R 'stats -h' '\(rootOn(disk))' 2>/dev/null | awk '/^Block count/{c=$3}/^Block size/{print c*$3}'")
    if sectors.map({ "\($0 * 512)" }) != size {
      faults.append("the partition has \(sectors ?? 0) sectors, the filesystem \(size) bytes")
    }
    return faults
  }
}
