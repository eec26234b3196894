// SPDX-License-Identifier: Apache-2.0
package import Report

/// A disk, as far as a partition table is read from it.
package struct TableSource {
  /// What it is to the reader of a message.
  package let name: String
  /// In bytes.
  package let size: UInt64
  /// In bytes, 512 or 4096; nil for an image, which is as the table in it says.
  package let sectorSize: UInt64?
  private let read: (ByteRange) throws(Failure) -> [UInt8]

  /// - Parameter read: all bytes of a range that lies on the disk.
  package init(
    _ name: String, size: UInt64, sectorSize: UInt64?, read: @escaping (ByteRange) throws(Failure) -> [UInt8]
  ) {
    self.name = name
    self.size = size
    self.sectorSize = sectorSize
    self.read = read
  }

  /// Nil where the range does not lie on the disk.
  func bytes(at offset: UInt64, _ count: UInt64) throws(Failure) -> [UInt8]? {
    let (end, overflow) = offset.addingReportingOverflow(count)
    guard !overflow, end <= size else { return nil }
    let bytes = try read(ByteRange(offset: offset, length: count))
    return UInt64(bytes.count) == count ? bytes : nil
  }

  func sectors(at sector: UInt64, _ count: UInt64, of size: UInt64) throws(Failure) -> [UInt8]? {
    let (offset, overflow) = sector.multipliedReportingOverflow(by: size)
    return overflow ? nil : try bytes(at: offset, count * size)
  }
}

/// Bytes for a place on a disk.
package struct TableWrite: Equatable, Sendable {
  /// In bytes from the start of the disk.
  package let offset: UInt64
  package let bytes: [UInt8]
}
