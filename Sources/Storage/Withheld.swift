// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
package import Report

/// The bytes by which a disk is known for what is on it, such as a superblock: in memory until all else is on the disk, so
/// that work which is cut short leaves nothing that mounts.
package struct Withheld: Sendable {
  package struct Part: Sendable {
    /// In bytes from the start of the region.
    package var offset: UInt64
    package var bytes: [UInt8]
  }

  package private(set) var parts: [Part] = []

  package init() {}

  /// - Parameter offset: in bytes from the start of the region.
  package mutating func hold(_ bytes: [UInt8], at offset: UInt64) {
    parts.append(Part(offset: offset, bytes: bytes))
  }

  /// Takes a range out of bytes that are to be written at `offset`, where all of it is among them: zeros are in its place.
  ///
  /// - Returns: whether it was there.
  package mutating func take(
    _ range: Range<Int>, outOf bytes: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) -> Bool {
    guard offset <= UInt64(range.lowerBound), offset + UInt64(bytes.count) >= UInt64(range.upperBound) else {
      return false
    }
    let inside = UnsafeMutableRawBufferPointer(
      rebasing: bytes[(range.lowerBound - Int(offset))..<(range.upperBound - Int(offset))])
    hold(Array(inside), at: UInt64(range.lowerBound))
    inside.initializeMemory(as: UInt8.self, repeating: 0)
    return true
  }

  /// What is held of exactly that range; nil where it is not.
  package func bytes(in range: Range<Int>) -> [UInt8]? {
    parts.first { $0.offset == UInt64(range.lowerBound) && $0.bytes.count == range.count }?.bytes
  }

  /// Writes them in the order in which they were held, once all else is on the disk, and waits until they are there too.
  package func commit(to region: Region) throws(Failure) {
    try region.flush()
    let view = region.view
    for part in parts { try view.writeAll(part.bytes, at: region.range.offset + part.offset) }
    try region.flush()
  }
}
