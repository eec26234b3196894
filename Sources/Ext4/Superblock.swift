// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

/// What the 1024 bytes of a primary superblock tell, which are there before the rest of the filesystem is.
package struct Superblock: Equatable, Sendable {
  /// Where it is, in bytes from the beginning of the filesystem.
  package static let range = 1024..<2048

  /// In bytes.
  package let blockSize: UInt64
  /// The whole filesystem in bytes.
  package let size: UInt64
  /// What of it is not free, in bytes.
  package let used: UInt64
  /// It is not a filesystem but the journal of one on another disk (`journal_dev`).
  package let isJournal: Bool
  /// Of the journal, where that is on another disk.
  package let journal: UUID?

  /// Nil where the bytes are not a superblock.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count == 1024, bytes[56] == 0x53, bytes[57] == 0xEF else { return nil }
    // The offsets are those of struct ext4_super_block (kernel, Documentation/filesystems/ext4/super.rst).
    func number(_ offset: Int) -> UInt64 { bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    func has(_ feature: Int32, _ offset: Int) -> Bool { number(offset) & UInt64(feature) != 0 }
    guard number(24) <= 6 else { return nil }
    blockSize = 1024 << number(24)
    let blocks = number(4) | (has(EXT4_FEATURE_INCOMPAT_64BIT, 96) ? number(336) << 32 : 0)
    let (size, overflow) = blocks.multipliedReportingOverflow(by: blockSize)
    guard !overflow else { return nil }
    self.size = size
    let free = number(12) | (has(EXT4_FEATURE_INCOMPAT_64BIT, 96) ? number(344) << 32 : 0)
    used = size - min(size, free.multipliedReportingOverflow(by: blockSize).partialValue)
    isJournal = has(EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, 96)
    let isElsewhere = has(EXT3_FEATURE_COMPAT_HAS_JOURNAL, 92) && number(224) == 0
    journal = isElsewhere && !isJournal ? UUID(bytes: Array(bytes[208..<224])) : nil
  }
}
