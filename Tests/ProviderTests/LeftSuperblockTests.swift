// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("The dump of a disk on which a superblock was left")
struct LeftSuperblockTests {
  private func manifest(_ dump: String) throws -> JSON {
    try JSON(parsing: Array(bash("zstd -qdc '\(dump)' | tar -xO manifest.json").output.utf8))
  }

  /// The dump of a disk, and another disk that was noise and then restored from it.
  private func roundTrip(
    _ disk: String, mebibytes: UInt64, _ guest: SmallGuest
  ) throws -> (dump: String, copy: String) {
    let dump = try guest.scratch.write("", to: "dump")
    try guest.run(guest.request(.export(sizeDescriptor: nil), disks: [disk]), guest.surroundings(output: dump))
    let copy = try guest.disk("copy", mebibytes: mebibytes)
    try shell("head -c \(mebibytes << 20) /dev/urandom >'\(copy)'")
    var request = try guest.request(.import, disks: [copy])
    request.instanceDisks[0].role = nil
    try guest.run(request, guest.surroundings(input: dump), parameters: ["wipe": "none"])
    return (dump, copy)
  }

  @Test(
    "What is known by another one in front of it is held whole",
    arguments: ["mkswap -q disk", "mke2fs -q -F -t ext4 disk"])
  func encrypted(older: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try makeSparseFile(scratch("disk"), size: 32 << 20)
      try shell(
        """
        cd '\(scratch.path)'
        \(older)
        printf 'LUKS\\272\\276\\000\\001' | dd of=disk conv=notrunc status=none
        head -c 5000000 /dev/urandom | dd of=disk bs=1M seek=20 conv=notrunc status=none
        """)
      let (dump, copy) = try roundTrip(disk, mebibytes: 32, guest)
      let told = try manifest(dump)
      #expect(told["disk"]?["selection"]?.string == "non-zero-blocks")
      #expect(told["filesystems"]?.array?.map { $0["type"]?.string } == ["crypto_LUKS"])
      try shell("cmp '\(disk)' '\(copy)'")
    }
  }

  @Test("So is a partition", arguments: ["mkswap -q part", "mke2fs -q -F -t ext4 part"])
  func partition(older: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try makeSparseFile(scratch("disk"), size: 32 << 20)
      try shell(
        """
        cd '\(scratch.path)'
        truncate -s 16M part
        \(older)
        printf 'LUKS\\272\\276\\000\\001' | dd of=part conv=notrunc status=none
        head -c 5000000 /dev/urandom | dd of=part bs=1M seek=10 conv=notrunc status=none
        printf 'label: gpt\\nstart=2048 size=32768\\n' | /sbin/sfdisk -q disk
        dd if=part of=disk bs=1M seek=1 conv=notrunc,sparse status=none
        """)
      let (dump, copy) = try roundTrip(disk, mebibytes: 32, guest)
      #expect(try manifest(dump)["partitions"]?.array?.map { $0["selection"]?.string } == ["non-zero-blocks"])
      try shell("cmp '\(disk)' '\(copy)'")
    }
  }

  @Test("So is a disk with the superblock of a RAID behind its filesystem", arguments: [true, false])
  func behind(isRAID: Bool) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try makeSparseFile(scratch("disk"), size: 32 << 20)
      // Of version 1.0, by its magic number, its version, its own place, 8 KiB before the end, in sectors, and the sum of these.
      let magic = isRAID ? "\\374\\116\\053\\251\\001" : "other"
      try shell(
        """
        cd '\(scratch.path)'
        mke2fs -q -F -t ext4 disk 10000k
        at=$(((32 << 20) - 8192))
        printf '\(magic)' | dd of=disk bs=1 seek=$at conv=notrunc status=none
        printf '\\360\\377' | dd of=disk bs=1 seek=$((at + 144)) conv=notrunc status=none
        printf '\\355\\116\\054\\251' | dd of=disk bs=1 seek=$((at + 216)) conv=notrunc status=none
        """)
      let (dump, copy) = try roundTrip(disk, mebibytes: 32, guest)
      #expect(try manifest(dump)["disk"]?["selection"]?.string == (isRAID ? "non-zero-blocks" : "used-blocks"))
      if isRAID { try shell("cmp '\(disk)' '\(copy)'") }
    }
  }
}
