// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Where the content of a cluster of the disk is, by its entry in a second-level table.
enum Qcow2Entry: Sendable {
  /// Nowhere: it is zero.
  case none
  /// As it is; of its 32 parts, from the lowest bit on, those are there.
  case plain(at: UInt64, parts: UInt32)
  case packed(ByteRange)

  /// - Throws: `.dump` where it can't be.
  init(_ header: Qcow2Header, _ table: UnsafeRawBufferPointer, _ index: Int) throws(Failure) {
    let place = index * header.entryLength
    let entry = UInt64(bigEndian: table.loadUnaligned(fromByteOffset: place, as: UInt64.self))
    if entry & 1 << 62 != 0 {
      let width = UInt64(62 - (header.clusterBits - 8))
      let offset = entry & (1 << width - 1)
      let sectors = (entry & (1 << 62 - 1)) >> width + 1
      self = .packed(ByteRange(offset: offset, length: sectors * 512 - offset % 512))
      return
    }
    let parts =
      header.hasSubclusters
      ? UInt32(truncatingIfNeeded: UInt64(bigEndian: table.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self)))
      : entry & 1 == 0 ? .max : 0
    let offset = entry & Self.offsetMask
    guard offset > 0, parts != 0 else {
      self = .none
      return
    }
    guard offset & (header.clusterSize - 1) == 0 else {
      throw .damagedQcow2("a cluster of it is at byte \(offset)")
    }
    self = .plain(at: offset, parts: parts)
  }

  /// Of an entry of either level.
  static let offsetMask: UInt64 = 0x00FF_FFFF_FFFF_FE00
}
