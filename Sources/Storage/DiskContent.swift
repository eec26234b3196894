// SPDX-License-Identifier: Apache-2.0
internal import Layout
internal import LinuxIO
package import Report

/// A filesystem, a swap area or the like on a disk.
package struct DiskContent: Equatable, Sendable {
  /// In bytes from the start of the disk.
  package var offset: UInt64
  /// In bytes, of the disk or the partition that it is in.
  package var room: UInt64
  /// As blkid(8) names it: `ext4`, `xfs`, `swap`.
  package var type: String
  /// It has files, which RAID, encryption and swap have not.
  package var isFilesystem: Bool
  package var uuid: String?
  package var label: String?
}

/// What a disk, or a partition, is used for as a whole.
package enum DiskUse: Equatable, Sendable {
  case nothing
  case one(DiskContent)
  /// A partition table of that type; it may have no partitions.
  case partitions(String)
  /// What can't be told for certain.
  case several

  fileprivate var content: DiskContent? { if case .one(let content) = self { content } else { nil } }
}

extension Disk {
  /// No more partitions than this are looked at.
  private static let mostPartitions = 32

  /// What is on the disk, or in its partitions; empty where nothing is known. What can't be told for certain is left
  /// out.
  package func contents() throws(Failure) -> [DiskContent] {
    if try believedTable() == nil, let content = try probe(ByteRange(offset: 0, length: size)).content {
      return [content]
    }
    var contents: [DiskContent] = []
    for partition in try partitions() where partition.offset < size {
      if let content = try probe(partition).content { contents.append(content) }
    }
    return contents
  }

  /// What the disk as a whole is used for.
  package func use() throws(Failure) -> DiskUse {
    let divided = try believedTable()
    let found = divided == nil ? try probe(ByteRange(offset: 0, length: size)) : .nothing
    guard found == .nothing else { return found }
    if let table = try descriptor.partitionTable(atMost: Self.mostPartitions) { return .partitions(table.type) }
    switch divided?.table {
    case .gpt: return .partitions("gpt")
    case .mbr: return .partitions("dos")
    case nil: return .nothing
    }
  }

  /// What is on the disk, in the words of a message.
  package func describedContents() throws(Failure) -> String {
    let contents = try contents()
    if let whole = contents.first, whole.offset == 0 { return whole.type }
    let count = try partitions().count
    let types = contents.isEmpty ? "nothing that is known" : contents.map(\.type).joined(separator: ", ")
    return count == 0 ? types : "\(count) \(count == 1 ? "partition" : "partitions") with \(types)"
  }

  private func partitions() throws(Failure) -> [ByteRange] {
    try descriptor.partitionTable(atMost: Self.mostPartitions)?.partitions ?? []
  }

  private func probe(_ range: ByteRange) throws(Failure) -> DiskUse {
    switch try descriptor.signatures(in: range) {
    case .none: .nothing
    case .several: .several
    case .one(let found):
      .one(
        DiskContent(
          offset: range.offset, room: min(range.length, size - range.offset), type: found.type,
          isFilesystem: found.isFilesystem, uuid: found.uuid, label: found.label))
    }
  }
}
