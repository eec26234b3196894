// SPDX-License-Identifier: Apache-2.0
package import Report

/// What a guest's disk is divided into, and what each part is for.
package struct DiskLayout: Equatable, Sendable {
  package enum Table: Sendable {
    /// One filesystem is the whole disk.
    case none
  }

  package enum Role: Sendable {
    case root
  }

  package struct Partition: Equatable, Sendable {
    package let role: Role
    /// From the start of the disk.
    package let range: ByteRange
  }

  package let table: Table
  package let partitions: [Partition]
  /// Where the root filesystem is.
  package let root: ByteRange

  /// That of a disk of `size` bytes without a table.
  package init(wholeDiskOf size: UInt64) {
    table = .none
    root = ByteRange(offset: 0, length: size)
    partitions = [Partition(role: .root, range: root)]
  }
}

extension Disk {
  /// How a guest uses it.
  package var layout: DiskLayout { DiskLayout(wholeDiskOf: size) }
}

extension Region {
  /// Where the root filesystem of a guest is on its disk.
  ///
  /// - Parameter name: nil is the path of the disk.
  package convenience init(rootOf disk: Disk, called name: String? = nil) {
    self.init(disk, from: disk.layout.root.offset, called: name)
  }
}
