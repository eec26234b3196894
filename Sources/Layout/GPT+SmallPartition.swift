// SPDX-License-Identifier: Apache-2.0
package import Report

extension GPT {
  /// Of a small partition, in bytes: at most what lies between the table and the first MiB, and at least what is of use.
  private static let mostOfSmall: UInt64 = 992 << 10
  private static let leastOfSmall: UInt64 = 256 << 10
  private static let smallUnit: UInt64 = 32 << 10

  /// With one more partition, of 256 to 992 KiB, which no other has to get past when it grows: it lies before the first one,
  /// or else in a hole between two.
  ///
  /// - Parameter name: up to 36 characters are kept.
  /// - Returns: nil where there is no such place, or all entries are taken.
  package func addingSmallPartition(type: UUID, uuid: UUID, attributes: UInt64, name: String) -> GPT? {
    guard
      let number = (1...Int(entries.count)).first(where: { number in partitions.allSatisfy { $0.number != number } }),
      let (first, last) = smallPlace
    else { return nil }
    var table = self
    table.partitions.append(
      Partition(
        number: number, type: type, uuid: uuid, first: first, last: last, attributes: attributes, name: name))
    table.partitions.sort { $0.number < $1.number }
    // Tools begin with the first MiB, whatever lies before it.
    table.firstUsable = min(firstUsable, first)
    return table
  }

  private var smallPlace: (first: UInt64, last: UInt64)? {
    let unit = max(1, Self.smallUnit / sectorSize)
    // A hybrid MBR may have partitions of its own.
    let others = bootSector.entries.filter { $0.isUsed && !$0.isProtective }.map { (UInt64($0.start), $0.end - 1) }
    var next = entriesStart + entrySectors
    for (first, last) in (partitions.map { ($0.first, $0.last) } + others).sorted(by: { $0 < $1 }) {
      let start = (next + unit - 1) / unit * unit
      if first > start, (first - start) * sectorSize >= Self.leastOfSmall {
        return (start, start + min(first - start, Self.mostOfSmall / sectorSize) - 1)
      }
      next = max(next, last + 1)
    }
    return nil
  }
}
