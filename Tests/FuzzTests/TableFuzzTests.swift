// SPDX-License-Identifier: Apache-2.0
import Layout
import Report
import Testing

/// Partition tables, changed where the reader believes them: in memory, since reading one touches nothing.
@Suite("Partition tables that were made to hurt") struct TableFuzzTests {
  private static let size: UInt64 = 64 << 20

  @Test("One is refused, or is written as it was read", arguments: [512, 4096] as [UInt64])
  func gpt(sectorSize: UInt64) throws {
    let base = try Self.disk(sectorSize)
    let length = Int(Self.size / sectorSize)
    let extent = Extent(cases: 100)
    var read = 0
    try extent.each { index, noise in
      var disk = base
      let isBoth = noise.chance(70)
      for _ in 0..<noise.one(of: [1, 1, 2, 3]) {
        let (place, width) = noise.one(of: Self.headerFields + Self.entryFields)
        let value = noise.chance(50) ? noise.value() : UInt64(noise.number(0...2 * length))
        for copy in isBoth ? [0, 1] : [noise.number(0...1)] { disk.change(copy, place, width, to: value) }
      }
      if noise.chance(20) { disk.sparse[0] = changed(disk.sparse[0] ?? [], 446..<512, &noise) }
      if noise.chance(90) { disk.correctSums() }
      if try judge(disk.sparse, extent.seed, index, kind: "gpt") { read += 1 }
    }
    #expect(read > 5, "some are sound")
  }

  @Test("So is a chain of logical partitions") func mbr() throws {
    let extent = Extent(cases: 2000)
    var read = 0
    try extent.each { index, noise in
      let places: [UInt64] = [0, 1 << 20, 4 << 20, 9 << 20]
      var sectors: [UInt64: [UInt8]] = [:]
      for place in places {
        var sector = [UInt8](repeating: 0, count: 512)
        sector.put(0xAA55, at: 510, 2)
        for entry in 0..<(place == 0 ? 4 : 2) where noise.chance(70) {
          let at = 446 + 16 * entry
          sector[at + 4] = noise.one(of: [0x83, 0x05, 0x0F, 0x82, 0])
          sector.put(noise.chance(10) ? noise.value() : UInt64(noise.number(0...70)) << 11, at: at + 8, 4)
          sector.put(noise.chance(10) ? noise.value() : UInt64(noise.number(0...20)) << 11, at: at + 12, 4)
        }
        sectors[place] = sector
      }
      if try judge(sectors, extent.seed, index, kind: "mbr") { read += 1 }
    }
    #expect(read > 30, "some are sound")
  }

  /// Whether it was read. What was read lies on the disk, does not overlap, and is read again after it was written, moved
  /// and grown.
  private func judge(_ sectors: [UInt64: [UInt8]], _ seed: UInt64, _ index: Int, kind: String) throws -> Bool {
    guard let table = try? Self.read(sectors, size: Self.size)?.table else { return false }
    func check(_ holds: Bool, _ fault: String) throws {
      if !holds {
        try record(fault, kind, seed: seed, index: index, input: sectors.sorted { $0.key < $1.key }.flatMap(\.value))
      }
    }
    let ranges = table.partitions.map(\.range).sorted { $0.offset < $1.offset }
    try check(ranges.allSatisfy { $0.offset > 0 && $0.length > 0 && $0.end <= Self.size }, "lies outside")
    try check(zip(ranges, ranges.dropFirst()).allSatisfy { $0.end <= $1.offset }, "overlaps")
    for size in [Self.size, 3 * Self.size] {
      guard var moved = try? table.moved(to: size, called: "disk") else { continue }
      for partition in table.partitions { moved = moved.growing(partition.number) }
      var written = sectors
      for write in moved.writes { written.write(write.bytes, at: write.offset) }
      try check(try Self.read(written, size: size)?.table == moved, "is another one after it was written")
    }
    return true
  }

  private static func read(_ sectors: [UInt64: [UInt8]], size: UInt64) throws(Failure) -> FoundTable? {
    try PartitionTable.read(
      TableSource("disk", size: size, sectorSize: nil) { range throws(Failure) in sectors.bytes(in: range) })
  }

  // MARK: A disk with a GPT

  private static let headerFields = [(24, 8), (32, 8), (40, 8), (48, 8), (72, 8), (80, 4), (84, 4), (12, 4), (0, 8)]
  private static let entryFields = (0..<4).flatMap { entry in
    [(32, 8), (40, 8), (0, 16), (16, 16)].map { (1000 + 128 * entry + $0.0, $0.1) }
  }

  private struct TableDisk {
    /// What is on the disk, by its place.
    var sparse: [UInt64: [UInt8]] = [:]
    var headers: [UInt64] = []
    var entries: [UInt64] = []

    /// A field of a header, or from 1000 on of the entries.
    mutating func change(_ copy: Int, _ place: Int, _ width: Int, to value: UInt64) {
      if place < 1000 {
        sparse[headers[copy]]?.put(value, at: place, min(width, 8))
      } else {
        sparse[entries[copy]]?.put(value, at: place - 1000, min(width, 8))
      }
    }

    mutating func correctSums() {
      for copy in 0..<2 {
        guard var header = sparse[headers[copy]], let entries = sparse[entries[copy]] else { continue }
        let length = min(entries.count, max(0, header.number(80, 4) &* header.number(84, 4)))
        header.put(UInt64(crc32(entries[..<length])), at: 88, 4)
        header.put(0, at: 16, 4)
        header.put(UInt64(crc32(header[..<min(header.count, max(0, header.number(12, 4)))])), at: 16, 4)
        sparse[headers[copy]] = header
      }
    }
  }

  private static func disk(_ sectorSize: UInt64) throws -> TableDisk {
    let unit = (1 << 20) / sectorSize
    let partitions = (0..<3).map { index in
      GPT.Partition(
        number: index + 1, type: GPT.linux, uuid: UUID(bytes: [UInt8](repeating: UInt8(index + 1), count: 16)),
        first: UInt64(1 + 10 * index) * unit, last: UInt64(11 + 10 * index) * unit - 1)
    }
    let gpt = try GPT.new(
      on: "disk", size: size, sectorSize: sectorSize, guid: UUID(bytes: [UInt8](repeating: 7, count: 16)),
      partitions: partitions)
    var disk = TableDisk()
    let writes = gpt.writes
    for write in writes { disk.sparse[write.offset] = write.bytes }
    disk.headers = [writes[3].offset, writes[1].offset]
    disk.entries = [writes[2].offset, writes[0].offset]
    return disk
  }

  private func changed(_ bytes: [UInt8], _ range: Range<Int>, _ noise: inout Noise) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<noise.number(1...4) {
      bytes[noise.number(range.lowerBound...range.upperBound - 1)] = noise.bytes(1)[0]
    }
    return bytes
  }
}

extension [UInt64: [UInt8]] {
  fileprivate func bytes(in range: ByteRange) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(range.length))
    for (place, piece) in self where place < range.end && range.offset < place + UInt64(piece.count) {
      let (from, to) = (Swift.max(place, range.offset), Swift.min(range.end, place + UInt64(piece.count)))
      bytes.replaceSubrange(
        Int(from - range.offset)..<Int(to - range.offset), with: piece[Int(from - place)..<Int(to - place)])
    }
    return bytes
  }

  fileprivate mutating func write(_ bytes: [UInt8], at offset: UInt64) {
    let end = offset + UInt64(bytes.count)
    for (place, piece) in self where place < end && offset < place + UInt64(piece.count) {
      self[place] = nil
      if place < offset { self[place] = Array(piece[..<Int(offset - place)]) }
      if end < place + UInt64(piece.count) { self[end] = Array(piece[Int(end - place)...]) }
    }
    self[offset] = bytes
  }
}
