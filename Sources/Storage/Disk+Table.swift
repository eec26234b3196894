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
  package func partitionTable() throws(Failure) -> FoundTable? {
    let view = descriptor.view
    return try PartitionTable.read(
      TableSource(path, size: size, sectorSize: tableSectorSize) { range throws(Failure) in
        try [UInt8](upTo: Int(range.length)) { buffer throws(Failure) in
          try view.readFull(into: buffer, at: range.offset)
        }
      })
  }

  /// Writes a table, each part once all before it is on the disk: one that loses its power has the old table, the new one, or,
  /// where it had none, what no firmware boots.
  package func write(_ table: PartitionTable) throws(Failure) {
    for write in table.writes {
      try descriptor.flush()
      try descriptor.view.writeAll(write.bytes, at: write.offset)
    }
    try descriptor.flush()
  }
}
