// SPDX-License-Identifier: Apache-2.0
package import Report

/// A GUID partition table (UEFI specification 2.10, chapter 5) with the MBR before it. All addresses are in sectors.
package struct GPT: Equatable, Sendable {
  package struct Partition: Equatable, Sendable {
    /// From 1: the place of its entry, and the number in the name of its device.
    package let number: Int
    package var type: UUID
    package var uuid: UUID
    package let first: UInt64
    /// The last that belongs to it.
    package internal(set) var last: UInt64
    package var attributes: UInt64
    /// 72 bytes of UTF-16.
    var encodedName: [UInt8]

    package var name: String {
      let units = stride(from: 0, to: 72, by: 2).map { UInt16(encodedName.number(at: $0, 2)) }
      return String(decoding: units.prefix { $0 != 0 }, as: UTF16.self)
    }

    /// - Parameter name: up to 36 characters are kept.
    package init(
      number: Int, type: UUID, uuid: UUID, first: UInt64, last: UInt64, attributes: UInt64 = 0, name: String = ""
    ) {
      encodedName = [UInt8](repeating: 0, count: 72)
      for (index, unit) in name.utf16.prefix(36).enumerated() { encodedName.put(UInt64(unit), at: 2 * index, 2) }
      (self.number, self.type, self.uuid, self.first, self.last) = (number, type, uuid, first, last)
      self.attributes = attributes
    }
  }

  package var guid: UUID
  /// In bytes, 512 or 4096.
  package let sectorSize: UInt64
  /// Of the disk, in bytes.
  package internal(set) var size: UInt64
  /// In the order of their numbers.
  package internal(set) var partitions: [Partition]
  /// Where its copy, the header at the end of the disk, is.
  package internal(set) var backup: UInt64
  package var bootSector: BootSector
  let entries: GPTEntries
  /// Where the entries begin that belong to the header at the start of the disk.
  let entriesStart: UInt64
  package internal(set) var firstUsable: UInt64
  package internal(set) var lastUsable: UInt64

  /// How many sectors the entries take.
  var entrySectors: UInt64 { entries.sectors(of: sectorSize) }

  /// The partition that lies last on the disk.
  package var lastPartition: Partition? { partitions.max { $0.last < $1.last } }

  /// In bytes from the start of the disk.
  package func range(of partition: Partition) -> ByteRange {
    ByteRange(offset: partition.first * sectorSize, length: (partition.last - partition.first + 1) * sectorSize)
  }

  /// Whether the MBR has partitions of its own, for systems that don't know GPT.
  package var isHybrid: Bool { bootSector.entries.contains { $0.isUsed && !$0.isProtective } }
}
