// SPDX-License-Identifier: Apache-2.0
package import Layout
internal import LinuxIO
package import Report

extension Disk {
  /// In what a partition table on it counts, in bytes; nil for a file, which is as its table says.
  package var tableSectorSize: UInt64? { isBlockDevice ? UInt64(sectorSize) : nil }

  /// Its partition table; nil where it has none.
  ///
  /// - Throws: `.guest` for a table that can't be believed; `.device` where its partitions don't fit on the disk.
  package func partitionTable() throws(Failure) -> FoundTable? { try PartitionTable.read(tableSource) }

  /// The same, where it can be believed and has partitions.
  ///
  /// - Throws: `.io` for a disk that can't be read.
  package func believedTable() throws(Failure) -> FoundTable? { try PartitionTable.believed(tableSource) }

  private var tableSource: TableSource {
    let read = reading
    return TableSource(path, size: size, sectorSize: tableSectorSize) { range throws(Failure) in try read(range) }
  }

  /// Reads what will be there once the mark is.
  package var reading: (ByteRange) throws(Failure) -> [UInt8] {
    let (view, isUnmarked) = (descriptor.view, mark == .withheld)
    return { range throws(Failure) in
      let bytes = try view.bytes(at: range.offset, count: Int(range.length))
      return isUnmarked ? Self.marked(bytes, at: range.offset, Self.markBytes) : bytes
    }
  }

  /// Writes to a place of the disk, without the mark where that is kept back.
  package func writeUnmarked(_ bytes: [UInt8], at offset: UInt64) throws(Failure) {
    let bytes = mark == .withheld ? Self.marked(bytes, at: offset, [0, 0]) : bytes
    try descriptor.view.writeAll(bytes, at: offset)
  }

  private static let markOffset: UInt64 = 510
  private static let markBytes: [UInt8] = [0x55, 0xAA]

  /// Bytes from `offset` on, with others in the place of the mark, where that is among them.
  private static func marked(_ bytes: [UInt8], at offset: UInt64, _ mark: [UInt8]) -> [UInt8] {
    guard offset <= markOffset, offset + UInt64(bytes.count) >= markOffset + 2 else { return bytes }
    var bytes = bytes
    let place = Int(markOffset - offset)
    bytes.replaceSubrange(place..<place + 2, with: mark)
    return bytes
  }

  /// Keeps back the mark that is among bytes for the beginning of the disk, where it is awaited.
  package func withholdingMark(of bytes: [UInt8], at offset: UInt64) -> [UInt8] {
    guard mark == .awaited, Self.marked(bytes, at: offset, Self.markBytes) == bytes,
      Self.marked(bytes, at: offset, [0, 0]) != bytes
    else { return bytes }
    mark = .withheld
    return Self.marked(bytes, at: offset, [0, 0])
  }

  /// Writes the mark that was kept back, once all else is on the disk.
  package func commitMark() throws(Failure) {
    guard mark == .withheld else { return }
    try descriptor.flush()
    try descriptor.view.writeAll(Self.markBytes, at: Self.markOffset)
    try descriptor.flush()
    mark = .written
  }

  /// Writes a table, each part once all before it is on the disk: one that loses its power has the old table, the new one, or,
  /// where it had none, what no firmware boots.
  ///
  /// - Parameter isFirst: the disk has none. Until the first sector is there, firmware and kernel ignore the rest (UEFI specification
  ///   2.10, 5.2.3), so that nothing but that sector has to wait.
  package func write(_ table: PartitionTable, isFirst: Bool = false) throws(Failure) {
    for write in table.writes {
      if !isFirst || write.offset == 0 { try descriptor.flush() }
      try writeUnmarked(write.bytes, at: write.offset)
    }
    try descriptor.flush()
  }
}
