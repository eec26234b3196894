// SPDX-License-Identifier: Apache-2.0
import Layout
import Report
import TestSupport
import Testing

@Suite("A chain of logical partitions that is not as it should be") struct BadMBRTests {
  // The extended partition begins with sector 206848; its second link is in 309248 + 2048, the third 102400 + 2048 behind.
  private static let script = """
    label: dos
    1: start=2048 size=100MiB
    2: type=05
    5: size=50MiB
    6: size=50MiB
    7: size=50MiB

    """
  private static let extended: UInt64 = 206848

  private func disk(_ scratch: Scratch) throws -> TestDisk { try TestDisk(Self.script, size: 1 << 30, in: scratch) }

  private func refusal(of disk: TestDisk) throws -> String {
    let source = try disk.source()
    do throws(Failure) {
      _ = try PartitionTable.read(source)
      return "read"
    } catch {
      #expect(error.code == .guest || error.code == .device)
      return error.message
    }
  }

  /// Changes a number of an entry, counted from 0, in a sector.
  private func change(_ disk: TestDisk, sector: UInt64, entry: UInt64, at place: UInt64, to value: UInt32) throws {
    var bytes = [UInt8](repeating: 0, count: 4)
    bytes.put(UInt64(value), at: 0, 4)
    try disk.write(bytes, at: sector * 512 + 446 + 16 * entry + place)
  }

  @Test("One that leads back is refused") func loop() throws {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try change(disk, sector: Self.extended, entry: 1, at: 8, to: 0)
      #expect(try refusal(of: disk) == "the chain of logical partitions of disk leads back to sector 206848")
    }
  }

  @Test("One that leads out of its partition is refused") func outside() throws {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try change(disk, sector: Self.extended, entry: 1, at: 8, to: .max)
      #expect(
        try refusal(of: disk)
          == "the chain of logical partitions of disk leads to sector 4295174143, out of the extended partition")
    }
  }

  @Test("One that leads to what does not describe a partition is refused") func elsewhere() throws {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try change(disk, sector: Self.extended, entry: 1, at: 8, to: 5)
      #expect(
        try refusal(of: disk)
          == "the chain of logical partitions of disk leads to sector 206853, which does not describe one")
    }
  }

  @Test(
    "A logical partition that reaches out, over another or over the chain is refused",
    arguments: [
      (
        .max,
        "partition 5 of disk ends with sector 4295176190, out of the extended partition, which ends with sector 2097151"
      ),
      (120_000, "partitions 5 and 6 of disk overlap"),
      (103_000, "partition 5 of disk covers sector 311296, where the partition table goes on"),
    ] as [(UInt32, String)]) func tooLong(length: UInt32, message: String) throws
  {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try change(disk, sector: Self.extended, entry: 0, at: 12, to: length)
      #expect(try refusal(of: disk) == message)
    }
  }

  @Test(
    "A partition that begins with the table, covers another or ends behind the disk is refused",
    arguments: [
      (0, 8, 0, "partition 1 of disk begins with sector 0, in the partition table"),
      (0, 12, 300_000, "partitions 1 and 2 of disk overlap"),
      (1, 12, .max, "disk is too small for partition 2, which ends with sector 4295174142: 2.0 TiB are missing"),
    ] as [(UInt64, UInt64, UInt32, String)])
  func misplaced(entry: UInt64, place: UInt64, value: UInt32, message: String) throws {
    try withScratch { scratch in
      let disk = try disk(scratch)
      try change(disk, sector: 0, entry: entry, at: place, to: value)
      #expect(try refusal(of: disk) == message)
    }
  }

  @Test("Two extended partitions are refused") func twoExtended() throws {
    try withScratch { scratch in
      let disk = try TestDisk("label: dos\n1: size=100MiB\n2: size=100MiB type=05\n", size: 1 << 30, in: scratch)
      try disk.write([0x0F], at: 446 + 4)
      #expect(try refusal(of: disk) == "disk has two extended partitions, where one is the most")
    }
  }

  @Test("A chain without an end is not followed") func endless() throws {
    try withScratch { scratch in
      let disk = TestDisk(path: try makeSparseFile(scratch("disk"), size: 1 << 30))
      func sector(_ entries: [(type: UInt8, start: UInt64, length: UInt64)]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 512)
        for (index, entry) in entries.enumerated() {
          bytes[446 + 16 * index + 4] = entry.type
          bytes.put(entry.start, at: 446 + 16 * index + 8, 4)
          bytes.put(entry.length, at: 446 + 16 * index + 12, 4)
        }
        bytes.put(0xAA55, at: 510, 2)
        return bytes
      }
      try disk.write(sector([(5, 1, 1 << 20)]), at: 0)
      let link = (0..<2000).flatMap { sector([(0, 0, 0), (5, UInt64($0) + 1, 1)]) }
      try disk.write(link, at: 512)
      #expect(try refusal(of: disk) == "disk has more than 128 logical partitions")
    }
  }
}
