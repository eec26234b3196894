// SPDX-License-Identifier: Apache-2.0
package import Report

/// What a guest's disk is divided into, and where its root filesystem is.
package struct DiskLayout: Equatable, Sendable {
  package enum Table: String, Sendable {
    /// One filesystem is the whole disk.
    case none
    case gpt
    case mbr
  }

  package struct Partition: Equatable, Sendable {
    /// 0 for the whole disk.
    package let number: Int
    /// From the start of the disk.
    package let range: ByteRange
    /// As blkid(8) names it; nil where it is not known.
    package let filesystem: String?

    package init(number: Int, range: ByteRange, filesystem: String?) {
      self.number = number
      self.range = range
      self.filesystem = filesystem
    }
  }

  package let table: Table
  package let partitions: [Partition]
  /// Where the root filesystem is.
  package let root: ByteRange

  /// That of a disk of `size` bytes without a table.
  package init(wholeDiskOf size: UInt64) {
    table = .none
    root = ByteRange(offset: 0, length: size)
    partitions = [Partition(number: 0, range: root, filesystem: nil)]
  }

  /// That of a disk with a table.
  package init(_ table: Table, _ partitions: [Partition], root: Partition) {
    self.table = table
    self.partitions = partitions
    self.root = root.range
  }

  /// The partition that the root filesystem is in; nil where that is the whole disk.
  package var rootPartition: Partition? { table == .none ? nil : partitions.first { $0.range == root } }
}

extension Region {
  /// Where the root filesystem of a guest is on its disk.
  ///
  /// - Parameter name: nil is the path of the disk.
  package convenience init(rootOf disk: Disk, called name: String? = nil) {
    self.init(disk, disk.layout.root, called: name)
  }
}
