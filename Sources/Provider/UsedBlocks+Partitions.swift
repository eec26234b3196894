// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Filesystems
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage

extension UsedBlocks {
  /// Takes each partition by what is in it, and of the rest, the table, the loader and the gaps, what is not zero.
  mutating func takePartitions(of table: PartitionTable, _ progress: StepProgress) throws(Failure) {
    var found: [Manifest.Partition] = []
    var end: UInt64 = 0
    for partition in table.partitions.sorted(by: { $0.range.offset < $1.range.offset }) {
      if end < partition.range.offset {
        try takeNonZero(ByteRange(offset: end, length: partition.range.offset - end), progress)
      }
      found.append(
        Manifest.Partition(
          number: partition.number, range: partition.range, type: partition.type.description,
          selection: try take(partition.range, progress)))
      end = partition.range.end
    }
    if end < disk.size { try takeNonZero(ByteRange(offset: end, length: disk.size - end), progress) }
    partitions = found.sorted { $0.number < $1.number }
  }

  /// Of a clean filesystem that is whole and tells what it uses, that; of a swap area its first page; else what is not zero.
  private mutating func take(_ range: ByteRange, _ progress: StepProgress) throws(Failure) -> Manifest.Selection {
    let signatures = Self.signatures(of: disk, in: range)
    if signatures?.isExt != false, let filesystem = try? Filesystem(opening: Region(disk, range), writable: false),
      filesystem.size <= range.length, filesystem.externalJournal == nil, filesystem.isClean,
      !filesystem.needsRecovery, filesystem.bitmapFault() == nil
    {
      try takeUsed(of: filesystem, at: range.offset)
      progress.advance(by: range.length)
      return .usedBlocks
    }
    if signatures?.isSwap == true, range.length >= SwapArea.smallest,
      try SwapArea.uuid(on: disk, at: range.offset) != nil
    {
      try extents.append(ByteRange(offset: range.offset, length: SwapArea.pageSize))
      progress.advance(by: range.length)
      return .usedBlocks
    }
    if let type = type(at: range.offset), let space = space(of: type, in: range) {
      for used in space.ranges {
        try takeData(of: ByteRange(offset: range.offset + used.offset, length: used.length))
      }
      progress.advance(by: range.length)
      return .usedBlocks
    }
    try takeNonZero(range, progress)
    return .nonZeroBlocks
  }
}
