// SPDX-License-Identifier: Apache-2.0
package import LinuxIO
package import Report

/// A range of a disk, or of a file that is read like one, and what holds it open: a filesystem lives in a region.
package final class Region {
  /// What it is to the reader of a message.
  package let name: String
  /// In bytes from the start of the disk.
  package let range: ByteRange
  /// What it is in, for others that use it while the region is held.
  package let view: DescriptorView
  private let disk: Disk?
  private let file: Descriptor?

  /// From `offset` to the end of the disk.
  ///
  /// - Parameter name: nil is the path of the disk.
  package convenience init(_ disk: Disk, from offset: UInt64 = 0, called name: String? = nil) {
    let start = min(offset, disk.size)
    self.init(disk, ByteRange(offset: start, length: disk.size - start), called: name)
  }

  /// A part of a disk, which lies inside it.
  package init(_ disk: Disk, _ range: ByteRange, called name: String? = nil) {
    precondition(range.end <= disk.size)
    self.name = name ?? disk.path
    self.range = range
    view = disk.descriptor.view
    self.disk = disk
    file = nil
  }

  /// From `offset` to the end of an open file or device, as long as that is now.
  package init(of file: consuming Descriptor, from offset: UInt64 = 0) throws(Failure) {
    name = file.name
    let length = try file.length()
    range = ByteRange(offset: offset, length: length - min(offset, length))
    view = file.view
    disk = nil
    self.file = consume file
  }

  /// Of its descriptor, for libraries in C.
  package var number: Int32 { view.number }

  /// That of the same block device past the cache, where this process cannot open it itself.
  package var uncachedNumber: Int32? { disk?.uncached?.view.number }

  /// Waits until everything written is on the disk.
  package func flush() throws(Failure) { try view.flush() }
}
