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

  /// No errors are recorded, and a filesystem without a journal was unmounted.
  package let isClean: Bool
  /// The journal holds changes that are not in the filesystem yet.
  package let needsRecovery: Bool
  package let hasMultipleMountProtection: Bool
  /// Its files share blocks: it is for reading only.
  package let sharesBlocks: Bool
  /// It has features that the e2fsprogs of this machine don't know.
  package let isUnknown: Bool

  /// That of a filesystem, examined as before it is opened.
  ///
  /// - Parameter room: of the disk from where the filesystem begins, in bytes.
  /// - Throws: `.guest` for what mke2fs does not make.
  package init(examining bytes: [UInt8], room: UInt64, of name: String) throws(Failure) {
    _ = try Geometry(examining: bytes, room: room, of: name)
    guard let superblock = Superblock(bytes) else {
      throw Failure(.guest, "cannot open the filesystem on \(name): it has no superblock")
    }
    self = superblock
  }

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
    let state = Int32(bytes[58]) | Int32(bytes[59]) << 8
    isClean = state & EXT2_VALID_FS != 0 && state & EXT2_ERROR_FS == 0
    needsRecovery = has(EXT3_FEATURE_INCOMPAT_RECOVER, 96)
    hasMultipleMountProtection = has(EXT4_FEATURE_INCOMPAT_MMP, 96)
    sharesBlocks = has(EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, 100)
    isUnknown =
      number(96) & ~UInt64(cext2fs_known_incompat()) != 0 || number(100) & ~UInt64(cext2fs_known_ro_compat()) != 0
      || isJournal
  }
}
