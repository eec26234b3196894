// SPDX-License-Identifier: Apache-2.0
package import Report

/// The partition table of a disk.
package enum PartitionTable: Equatable, Sendable {
  case gpt(GPT)
  case mbr(MBR)

  /// A partition, whatever the table.
  package struct Partition: Equatable, Sendable {
    package let number: Int
    package let type: PartitionType
    /// In bytes from the start of the disk.
    package let range: ByteRange
    /// What fstab(5) and the kernel know it by as `PARTUUID=`.
    package let uuid: String
    /// As in `PARTLABEL=`; empty where it has none.
    package let label: String
  }

  /// - Returns: nil where the disk holds a filesystem without a table, or is empty.
  /// - Throws: `.guest` for a table that can't be believed; `.device` where its partitions don't fit on the disk.
  package static func read(_ source: TableSource) throws(Failure) -> FoundTable? {
    let boot = try source.bytes(at: 0, UInt64(BootSector.length)).flatMap { BootSector($0) }
    // The kernel and boot loaders go by an MBR that protects no GPT, whatever an older program has left behind it.
    let goesByMBR = boot.map { MBR.isDescribed(by: $0) && !$0.entries.contains(where: \.isProtective) } ?? false
    if !goesByMBR, let gpt = try GPT.read(source, after: boot) { return gpt }
    guard let boot, let mbr = try MBR.read(source, boot) else { return nil }
    let isBeforeGPT = try source.bytes(at: 512, 8) == Array("EFI PART".utf8)
    let note =
      "\(source.name) has an MBR with partitions, and behind it an older partition table (GPT), which is not used"
    return FoundTable(table: .mbr(mbr), notes: isBeforeGPT ? [note] : [])
  }

  /// The same, where it can be believed and has partitions: it alone says what is on the disk then. A superblock before the first of
  /// them is left of what the disk was before, which partitioning does not take away.
  ///
  /// - Throws: a failure of the source alone.
  package static func believed(_ source: TableSource) throws(Failure) -> FoundTable? {
    do throws(Failure) {
      return try read(source).flatMap { $0.table.partitions.isEmpty ? nil : $0 }
    } catch {
      guard error.code == .guest || error.code == .device else { throw error }
      return nil
    }
  }

  package var sectorSize: UInt64 {
    switch self {
    case .gpt(let gpt): gpt.sectorSize
    case .mbr(let mbr): mbr.sectorSize
    }
  }

  /// In the order of their numbers, without those that only hold others.
  package var partitions: [Partition] {
    switch self {
    case .gpt(let gpt):
      gpt.partitions.map {
        Partition(
          number: $0.number, type: .gpt($0.type), range: gpt.range(of: $0), uuid: $0.uuid.description, label: $0.name)
      }
    case .mbr(let mbr):
      mbr.partitions.map {
        Partition(
          number: $0.number, type: .mbr($0.type), range: mbr.range(of: $0), uuid: mbr.uuid(of: $0), label: "")
      }
    }
  }

  /// All of it, in the order in which it is to reach the disk; the first sector comes last.
  package var writes: [TableWrite] {
    switch self {
    case .gpt(let gpt): gpt.writes
    case .mbr(let mbr): mbr.writes
    }
  }

  /// On a disk of another size, in bytes.
  ///
  /// - Throws: `.device` where a partition does not fit.
  package func moved(to size: UInt64, called name: String) throws(Failure) -> PartitionTable {
    switch self {
    case .gpt(let gpt): .gpt(try gpt.moved(to: size, called: name))
    case .mbr(let mbr): .mbr(try mbr.moved(to: size, called: name))
    }
  }

  /// The smallest disk that it can be moved to, in bytes.
  package var smallestDisk: UInt64 {
    switch self {
    case .gpt(let gpt): gpt.smallestDisk
    case .mbr(let mbr): mbr.smallestDisk
    }
  }

  /// With that partition up to the end of the disk; the same where it can't grow.
  package func growing(_ number: Int) -> PartitionTable {
    switch self {
    case .gpt(let gpt): .gpt(gpt.growing(number))
    case .mbr(let mbr): .mbr(mbr.growing(number))
    }
  }
}

/// A table as it was read, and what is to be told of it.
package struct FoundTable: Equatable, Sendable {
  package let table: PartitionTable
  package let notes: [String]

  package init(table: PartitionTable, notes: [String] = []) {
    self.table = table
    self.notes = notes
  }
}
