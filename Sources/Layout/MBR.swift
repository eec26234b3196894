// SPDX-License-Identifier: Apache-2.0
package import Report

/// A table of four partitions in the first sector, one of which may hold a chain of logical ones. Addresses are in sectors.
package struct MBR: Equatable, Sendable {
  package struct Partition: Equatable, Sendable {
    /// 1 to 4; from 5 on for logical ones.
    package let number: Int
    package let type: UInt8
    package let isBootable: Bool
    package let first: UInt64
    package let last: UInt64
  }

  /// The sector before a logical partition, which describes it and says where the next one is.
  struct Link: Equatable, Sendable {
    let place: UInt64
    var sector: BootSector
  }

  /// In bytes.
  package let sectorSize: UInt64
  /// Of the disk, in bytes.
  package internal(set) var size: UInt64
  package var bootSector: BootSector
  var links: [Link]

  /// The partition that holds the logical ones.
  var extended: (index: Int, entry: BootSector.Entry)? {
    bootSector.entries.enumerated().first { $1.isUsed && $1.isExtended }.map { (index: $0, entry: $1) }
  }

  /// Those that can hold something, in the order of their numbers.
  package var partitions: [Partition] {
    let primary = bootSector.entries.enumerated().filter { $1.isUsed && !$1.isExtended }.map { index, entry in
      Partition(index + 1, entry, from: 0)
    }
    let logical = links.filter { $0.sector[0].isUsed }.enumerated().map { index, link in
      Partition(index + 5, link.sector[0], from: link.place)
    }
    return primary + logical
  }

  /// In bytes from the start of the disk.
  package func range(of partition: Partition) -> ByteRange {
    ByteRange(offset: partition.first * sectorSize, length: (partition.last - partition.first + 1) * sectorSize)
  }

  /// As the kernel makes one: the signature of the disk and the number, in hexadecimal digits.
  package func uuid(of partition: Partition) -> String {
    func digits(_ number: UInt32, _ count: Int) -> String {
      let text = String(number, radix: 16)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    return "\(digits(bootSector.signature, 8))-\(digits(UInt32(partition.number), 2))"
  }

  /// Only what describes partitions; what lies between is the loader's.
  package var writes: [TableWrite] {
    links.reversed().map { TableWrite(offset: $0.place * sectorSize, bytes: $0.sector.bytes) }
      + [TableWrite(offset: 0, bytes: bootSector.bytes)]
  }
}

extension MBR.Partition {
  init(_ number: Int, _ entry: BootSector.Entry, from base: UInt64) {
    self.number = number
    type = entry.type
    isBootable = entry.flags == 0x80
    first = base + UInt64(entry.start)
    last = base + entry.end - 1
  }
}
