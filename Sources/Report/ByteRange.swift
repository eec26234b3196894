// SPDX-License-Identifier: Apache-2.0

/// A run of bytes on a disk or in a file.
package struct ByteRange: Hashable, Sendable {
  package var offset: UInt64
  package var length: UInt64

  package init(offset: UInt64, length: UInt64) {
    self.offset = offset
    self.length = length
  }

  package var end: UInt64 { offset + length }
}
