// SPDX-License-Identifier: Apache-2.0
package import Report

extension GPT {
  /// On a disk of another size: the copy at its end, all before that free for partitions, and the MBR
  /// such that it covers it.
  ///
  /// - Parameters:
  ///   - size: in bytes.
  ///   - name: of the disk in a message.
  /// - Throws: `.device` where a partition does not fit.
  package func moved(to size: UInt64, called name: String) throws(Failure) -> GPT {
    var moved = self
    let sectors = size / sectorSize
    guard sectors > firstUsable + entrySectors + 1 else {
      throw Failure(.device, "\(name) is too small for a partition table: it has \(Words.bytes(size))")
    }
    moved.size = size
    moved.bootSector = moved.protectingSector
    moved.backup = sectors - 1
    moved.lastUsable = moved.backup - entrySectors - 1
    try moved.refuseLonger(than: moved.lastUsable, of: name)
    return moved
  }

  /// The smallest disk that it can be moved to, in bytes: behind the last partition comes the copy, entries and header.
  var smallestDisk: UInt64 {
    let sectors = max(firstUsable, lastPartition?.last ?? 0).saturatingAdding(entrySectors + 2)
    let (bytes, overflow) = sectors.multipliedReportingOverflow(by: sectorSize)
    return overflow ? .max : bytes
  }

  /// With that partition up to the end of the disk, or to the last whole MiB before it; the same where another partition
  /// lies behind it, or nothing is to be gained.
  package func growing(_ number: Int) -> GPT {
    guard let partition = lastPartition, partition.number == number,
      let index = partitions.firstIndex(of: partition)
    else { return self }
    let alignment = alignedUnit / sectorSize
    let end = (lastUsable + 1) / alignment * alignment
    guard end > partition.last + 1 else { return self }
    var grown = self
    grown.partitions[index].last = end - 1
    grown.bootSector.entries = bootSector.entries.map { entry in
      guard entry.isUsed, !entry.isProtective, UInt64(entry.start) == partition.first,
        entry.end == partition.last + 1
      else { return entry }
      var entry = entry
      entry.length = UInt32(clamping: end - partition.first)
      return entry
    }
    return grown
  }

  /// With other UUIDs for the disk and partitions, in place of those that they have.
  package func renamed(_ changes: [UUID: UUID]) -> GPT {
    var renamed = self
    renamed.guid = changes[guid] ?? guid
    for index in partitions.indices {
      renamed.partitions[index].uuid = changes[partitions[index].uuid] ?? partitions[index].uuid
    }
    return renamed
  }
}

/// What partitions are aligned to, in bytes.
let alignedUnit: UInt64 = 1 << 20
