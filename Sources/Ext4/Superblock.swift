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

  /// All its features are among those that resize2fs handles without mistakes, and it keeps blocks of descriptors in reserve.
  private let isUsual: Bool
  /// The group descriptors for which there is room, without a block that moves.
  private let roomForGroups: UInt64
  private let groupSize: UInt64

  /// Whether nothing moves when it is made to fill that many bytes: there are only more groups.
  package func growsInPlace(to size: UInt64) -> Bool {
    isUsual && groupSize > 0 && (size - min(size, 1)) / groupSize < roomForGroups
  }

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
    let (usualCompat, usualIncompat, usualReadOnly) = Self.usualFeatures
    isUsual =
      number(92) & ~UInt64(usualCompat) == 0 && number(96) & ~UInt64(usualIncompat) == 0
      && number(100) & ~UInt64(usualReadOnly) == 0
    groupSize = number(32) * blockSize
    let descriptorSize = has(EXT4_FEATURE_INCOMPAT_64BIT, 96) ? max(32, number(254) & 0xFFFF) : 32
    let perBlock = blockSize / descriptorSize
    let groups = groupSize > 0 ? (size - min(size, 1)) / groupSize + 1 : 0
    let reserved = number(204) >> 16
    roomForGroups = perBlock > 0 ? ((groups + perBlock - 1) / perBlock + reserved) * perBlock : 0
    isUnknown =
      number(96) & ~UInt64(cext2fs_known_incompat()) != 0 || number(100) & ~UInt64(cext2fs_known_ro_compat()) != 0
      || isJournal
  }

  /// What mke2fs gives filesystems of the three kinds.
  private static var usualFeatures: (Int32, Int32, Int32) {
    (
      EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_RESIZE_INODE
        | EXT2_FEATURE_COMPAT_DIR_INDEX,
      EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT
        | EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED,
      EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE
        | EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM
        | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM
    )
  }
}
