// SPDX-License-Identifier: Apache-2.0
package import Report

extension MBR {
  /// On a disk of another size, in bytes.
  ///
  /// - Throws: `.device` where a partition does not fit.
  package func moved(to size: UInt64, called name: String) throws(Failure) -> MBR {
    var moved = self
    moved.size = size
    try moved.refuseLonger(than: size / sectorSize, of: name)
    return moved
  }

  /// The smallest disk that it can be moved to, in bytes.
  var smallestDisk: UInt64 { (bootSector.entries.filter(\.isUsed).map(\.end).max() ?? 1) * sectorSize }

  /// With that partition up to the last whole MiB of the disk, or of what 32 bits can say; a logical one takes the partition
  /// that holds it along. The same where another partition lies behind it, or nothing is to be gained.
  package func growing(_ number: Int) -> MBR {
    guard let partition = partitions.max(by: { $0.last < $1.last }), partition.number == number else { return self }
    let unit = alignedUnit / sectorSize
    let end = min(size / sectorSize, 1 << 32) / unit * unit
    guard end > partition.last + 1 else { return self }
    var grown = self
    if number <= 4 {
      guard extended.map({ $0.entry.end <= partition.first }) ?? true else { return self }
      grown.bootSector[number - 1].length = UInt32(end - partition.first)
      return grown
    }
    guard let extended, bootSector.entries.allSatisfy({ $0.end <= extended.entry.end }),
      links.allSatisfy({ $0.place < partition.first }),
      let index = links.firstIndex(where: { $0.sector[0].isUsed && $0.place + $0.sector[0].end == partition.last + 1 })
    else { return self }
    let place = links[index].place
    grown.links[index].sector[0].length = UInt32(end - partition.first)
    let start = UInt64(extended.entry.start)
    for other in links.indices {
      let next = links[other].sector[1]
      guard next.isExtended, start + UInt64(next.start) == place else { continue }
      grown.links[other].sector[1].length = UInt32(end - place)
    }
    grown.bootSector[extended.index].length = UInt32(max(end, extended.entry.end) - start)
    return grown
  }
}
