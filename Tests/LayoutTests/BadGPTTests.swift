// SPDX-License-Identifier: Apache-2.0
import Layout
import Report
import TestSupport
import Testing

@Suite("A GUID partition table that is not as it should be") struct BadGPTTests {
  private static let size: UInt64 = 1 << 30
  private static let last = size / 512 - 1
  private static let script = "label: gpt\n1: start=2048 size=100MiB\n2: size=100MiB\n"

  private func disk(_ scratch: Scratch) throws -> TestDisk { try TestDisk(Self.script, size: Self.size, in: scratch) }

  private func spoil(_ disk: TestDisk, at place: UInt64) throws {
    try disk.write([try disk.bytes(at: place, 1)[0] ^ 0xFF], at: place)
  }

  /// Changes a header, whose CRC becomes right again.
  private func changeHeader(of disk: TestDisk, at sector: UInt64, _ change: (inout [UInt8]) -> Void) throws {
    var header = try disk.bytes(at: sector * 512, 92)
    change(&header)
    header.put(0, at: 16, 4)
    header.put(UInt64(crc32(header)), at: 16, 4)
    try disk.write(header, at: sector * 512)
  }

  /// Changes the entries of both copies, or of one, whose CRCs become right again.
  private func changeEntries(
    of disk: TestDisk, copies: [UInt64] = [1, last], _ change: (inout [UInt8]) -> Void
  ) throws {
    for sector in copies {
      let place = sector == 1 ? 1024 : (sector - 32) * 512
      var entries = try disk.bytes(at: place, 128 * 128)
      change(&entries)
      try disk.write(entries, at: place)
      try changeHeader(of: disk, at: sector) { $0.put(UInt64(crc32(entries)), at: 88, 4) }
    }
  }

  /// Reads the table, tells what was noted, and has what is written then judged.
  private func notes(on disk: TestDisk) throws -> [String] {
    let found = try #require(try disk.read())
    let moved = try found.table.moved(to: disk.size, called: "disk")
    try disk.write(moved.writes)
    #expect(try disk.problems() == nil)
    #expect(try disk.read()?.table == moved)
    #expect(moved.partitions.map(\.range.offset) == [1 << 20, 101 << 20])
    return found.notes
  }

  private func refusal(of disk: TestDisk) throws -> String {
    let source = try disk.source()
    do throws(Failure) {
      _ = try PartitionTable.read(source)
      return "read"
    } catch {
      #expect(error.code == .guest && error.remedy != nil)
      return error.message
    }
  }

  @Test(
    "With one of two copies wrong the other is used, and that is told",
    arguments: [
      (
        512 + 60,
        "the partition table of disk at the start of the disk has a header with a wrong CRC: its copy at the end is used"
      ),
      (512, "the partition table of disk at the start of the disk is missing: its copy at the end is used"),
      (
        1024 + 40,
        "the partition table of disk at the start of the disk has entries with a wrong CRC: its copy at the end is used"
      ),
      (
        last * 512 + 60,
        "the copy of the partition table of disk at the end of the disk has a header with a wrong CRC: it is made anew"
      ),
      (last * 512, "the copy of the partition table of disk at the end of the disk is missing: it is made anew"),
      (
        (last - 32) * 512,
        "the copy of the partition table of disk at the end of the disk has entries with a wrong CRC: it is made anew"
      ),
    ] as [(UInt64, String)]) func oneCopy(place: UInt64, note: String) throws
  {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try spoil(disk, at: place)
      #expect(try notes(on: disk) == [note])
    }
  }

  @Test("With both copies wrong it is refused") func bothCopies() throws {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try spoil(disk, at: 1024 + 40)
      try spoil(disk, at: Self.last * 512 + 60)
      #expect(
        try refusal(of: disk)
          == "disk has no readable GUID partition table: at the start of the disk it has entries with a "
          + "wrong CRC, at the end it has a header with a wrong CRC")
      try disk.write([0], at: 512)
      try disk.write([0], at: Self.last * 512)
      #expect(
        try refusal(of: disk)
          == "disk has no readable GUID partition table: the MBR says that there is one, and neither "
          + "the start nor the end of the disk has it")
    }
  }

  @Test("A wrong header is found out by its copy in the middle of a disk that has grown") func copyInTheMiddle() throws
  {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try spoil(disk, at: 512 + 60)
      try disk.resize(to: 2 << 30)
      #expect(try notes(on: disk).first?.hasSuffix("its copy at the end is used") == true)
    }
  }

  @Test("Copies that differ are told, and the first is used") func copiesDiffer() throws {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try changeEntries(of: disk, copies: [Self.last]) { $0.put(0, at: 0, 16) }
      #expect(
        try notes(on: disk) == [
          "the partition table of disk differs from its copy at the end of the disk: the one at the start is used"
        ])
    }
  }

  @Test(
    "A header that states what is not possible is refused",
    arguments: [
      (80, 4, 0, "states 0 entries, where 1 to 1024 are right"),
      (80, 4, 0xFFFF_FFFF, "states 4294967295 entries, where 1 to 1024 are right"),
      (84, 4, 0, "states entries of 0 bytes, where 128 are right"),
      (84, 4, 0x8000_0000, "states entries of 2147483648 bytes, where 128 are right"),
      (84, 4, 192, "states entries of 192 bytes, where 128 are right"),
      (12, 4, 0xFFFF_FFFF, "states a header of 4294967295 bytes, where 92 are right"),
      (40, 8, 0, "states that partitions lie from sector 0 to 2097118"),
      (48, 8, 5, "states that partitions lie from sector 2048 to 5"),
      (48, 8, UInt64.max, "states places that overlap"), (72, 8, UInt64.max, "states places that overlap"),
      (72, 8, 1 << 40, "states places that overlap"), (24, 8, 7, "says that it is in sector 7, and is in sector "),
    ] as [(Int, Int, UInt64, String)]) func impossible(place: Int, width: Int, value: UInt64, words: String) throws
  {
    try withScratch { scratch in
      let disk = try disk(scratch)
      for sector in [1, Self.last] { try changeHeader(of: disk, at: sector) { $0.put(value, at: place, width) } }
      let message = try refusal(of: disk)
      #expect(message.ranges(of: words).count == 2, "\(message)")
    }
  }

  @Test(
    "A partition that is not where it can be is refused, with its number",
    arguments: [
      (128 + 32, 4096, "partitions 1 and 2 of disk overlap"),
      (32, 5, "partition 1 of disk begins with sector 5, in the partition table: the first after it is 2048"),
      (
        128 + 40, last - 5,
        "partition 2 of disk ends with sector 2097146: the last that the partition table allows is 2097118"
      ),
      (
        128 + 40, UInt64.max,
        "partition 2 of disk ends with sector 18446744073709551615: the last that the partition table allows is 2097118"
      ),
      (128 + 32, 1 << 62, "partition 2 of disk begins with sector 4611686018427387904 and ends with sector 411647"),
    ] as [(Int, UInt64, String)]) func misplaced(place: Int, value: UInt64, message: String) throws
  {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try changeEntries(of: disk) { $0.put(value, at: place, 8) }
      #expect(try refusal(of: disk) == message)
    }
  }

  @Test("A protective MBR that is too small, or not there, is corrected, and that is told") func protection() throws {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try disk.write([100, 0, 0, 0], at: 446 + 12)
      #expect(
        try notes(on: disk) == [
          "the protective MBR of disk covers 100 sectors, and the partition table 2097151: it is corrected"
        ])
      try disk.write([UInt8](repeating: 0, count: 512), at: 0)
      #expect(try notes(on: disk) == ["the protective MBR of disk is missing: it is made anew"])
    }
  }

  @Test("An MBR that was written over a GPT counts, and the table that it hides is told") func hidden() throws {
    try withScratch { scratch in
      let disk = try disk(scratch)
      var sector = [UInt8](repeating: 0, count: 512)
      for (place, value, width) in [(450, 0x83, 1), (454, 2048, 4), (458, 1000, 4), (510, 0xAA55, 2)] {
        sector.put(UInt64(value), at: place, width)
      }
      try disk.write(sector, at: 0)
      let found = try #require(try disk.read())
      #expect(found.table.partitions.map(\.range.offset) == [1 << 20])
      #expect(
        found.notes == [
          "disk has an MBR with partitions, and behind it an older partition table (GPT), which is not used"
        ])
    }
  }

  @Test("A hybrid MBR is kept, and follows a partition that grows") func hybrid() throws {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try shell("/sbin/sgdisk --hybrid=2 '\(disk.path)'")
      try disk.resize(to: 2 << 30)
      let found = try #require(try disk.read())
      #expect(found.notes == ["disk has a hybrid MBR, with partitions of its own: it is kept"])
      try disk.write(found.table.moved(to: 2 << 30, called: "disk").growing(2).writes)
      #expect(try shell("/sbin/sgdisk --verify '\(disk.path)'").contains("No problems found"))
      let entries = try #require(try disk.gpt()).bootSector.entries
      #expect(entries.map(\.type) == [0xEE, 0x83, 0, 0])
      #expect((entries[1].start, entries[1].length) == (101 << 11, 1946 << 11))
    }
  }

  @Test(
    "A table for sectors of another size is refused where the disk has its own", arguments: [512, 4096] as [UInt64])
  func sectorSize(_ size: UInt64) throws {
    try withScratch { scratch in
      let disk = TestDisk(path: try makeSparseFile(scratch("disk"), size: Self.size))
      try disk.write(GPT.bootable("disk", size: Self.size, sectorSize: size, newUUID: UUID.random).writes)
      let other: UInt64 = size == 512 ? 4096 : 512
      #expect {
        try PartitionTable.read(disk.source(sectorSize: other))
      } throws: {
        ($0 as? Failure)?.message
          == "the partition table of disk is for sectors of \(size) bytes, and the disk has sectors of \(other)"
      }
      #expect(try disk.gpt(sectorSize: nil)?.sectorSize == size)
    }
  }
}
