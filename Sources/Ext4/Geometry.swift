// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

/// How a superblock lays out its filesystem, examined before libext2fs believes it: it loads as many group descriptors as the
/// superblock asks for, up to an eighth of the disk, and e2fsck and resize2fs do the same.
///
/// The offsets are those of struct ext4_super_block (kernel, Documentation/filesystems/ext4/super.rst), the bounds those of
/// mke2fs(8).
struct Geometry {
  private let bytes: [UInt8]

  /// - Parameters:
  ///   - bytes: the 1024 of a primary superblock.
  ///   - room: of the disk from where the filesystem begins, in bytes.
  /// - Throws: `.guest` for what mke2fs does not make, with the field, what it is and what it would be.
  init(examining bytes: [UInt8], room: UInt64, of name: String) throws(Failure) {
    self.bytes = bytes
    do throws(Fault) { try examine(room) } catch {
      throw Failure(
        .guest,
        "the filesystem on \(name) is damaged: its superblock has \(error.field) \(error.value), not \(error.right)",
        remedy: "see what e2fsck can save, where it is a guest of yours")
    }
  }

  private struct Fault: Error {
    let field: String
    let value: UInt64
    let right: String
  }

  private func examine(_ room: UInt64) throws(Fault) {
    try require(bytes.count == 1024 ? short(56) : 0, "the magic number", in: 0xEF53...0xEF53)
    let revision = long(76)
    try require(revision, "the revision", in: 0...1)
    let blockLog = long(24)
    try require(blockLog, "s_log_block_size", in: 0...6)
    let blockSize = UInt64(1024) << blockLog
    let hasClusters = revision > 0 && has(EXT4_FEATURE_RO_COMPAT_BIGALLOC, 100)
    let clusterLog = long(28)
    if hasClusters { try require(clusterLog, "s_log_cluster_size", in: blockLog...18) }
    let ratioLog = hasClusters ? clusterLog - blockLog : 0

    let inodeSize = revision == 0 ? 128 : short(88)
    try require(inodeSize, "s_inode_size", in: 128...blockSize, powerOfTwo: true)
    let inodes = long(0)
    if revision > 0 {
      try require(long(84), "s_first_ino", in: 11...max(11, inodes))
      for (offset, field) in [(348, "s_min_extra_isize"), (350, "s_want_extra_isize")] where inodeSize > 128 {
        try require(short(offset), field, in: 0...inodeSize - 128)
      }
    }
    let first = long(20)
    try require(first, "s_first_data_block", in: (blockLog == 0 && !hasClusters ? 1 : 0)...(blockLog == 0 ? 1 : 0))
    let perGroup = long(32)
    try require(perGroup, "s_blocks_per_group", in: 256 << ratioLog...(8 * blockSize) << ratioLog)
    if hasClusters { try require(perGroup >> ratioLog, "s_clusters_per_group", in: long(36)...long(36)) }
    let inodesPerGroup = long(40)
    try require(inodesPerGroup, "s_inodes_per_group", in: 8...8 * blockSize)
    try require(
      (inodesPerGroup * inodeSize + blockSize - 1) / blockSize, "blocks of inodes in a group:", in: 1...perGroup)

    let has64Bits = has(EXT4_FEATURE_INCOMPAT_64BIT, 96)
    let blocks = long(4) | (has64Bits ? long(336) << 32 : 0)
    // Of a disk that was cut off the caller has something better to say than this.
    try require(blocks, "s_blocks_count", in: first + 1...max(first + 1, .max >> (10 + blockLog)))
    let groups = (blocks - first - 1) / perGroup + 1
    try require(groups, "groups:", in: 1...UInt64(Int32.max))
    try require(inodes, "s_inodes_count", in: groups * inodesPerGroup...groups * inodesPerGroup)

    let descriptorSize = has64Bits ? short(254) : 32
    if has64Bits { try require(descriptorSize, "s_desc_size", in: 64...1024, powerOfTwo: true) }
    let table = groups * descriptorSize
    try require(table, "bytes of group descriptors:", in: 32...min(512 << 20, 1 << 20 + room / 1024))
    try require(short(206), "s_reserved_gdt_blocks", in: 0...blockSize / 4)
    if has(EXT2_FEATURE_INCOMPAT_META_BG, 96) {
      try require(long(260), "s_first_meta_bg", in: 0...(table + blockSize - 1) / blockSize)
    }
    // Longer than any mke2fs sets it, libext2fs would wait up to a day for another host.
    try require(short(358), "s_mmp_update_interval", in: 0...300)
  }

  private func require(
    _ value: UInt64, _ field: String, in range: ClosedRange<UInt64>, powerOfTwo: Bool = false
  ) throws(Fault) {
    guard range.contains(value), !powerOfTwo || value & (value - 1) == 0 else {
      let right = range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
      throw Fault(field: field, value: value, right: powerOfTwo ? "a power of two from \(right)" : right)
    }
  }

  private func short(_ offset: Int) -> UInt64 { UInt64(bytes[offset]) | UInt64(bytes[offset + 1]) << 8 }
  private func long(_ offset: Int) -> UInt64 { short(offset) | short(offset + 2) << 16 }
  private func has(_ feature: Int32, _ offset: Int) -> Bool { long(offset) & UInt64(UInt32(bitPattern: feature)) != 0 }
}

extension Filesystem {
  /// Refuses group descriptors that name places outside of the filesystem, or whose checksums are wrong: libext2fs would
  /// take what is there for bitmaps and inodes, or take the whole group for free.
  static func examineGroups(of fs: ext2_filsys, on device: FilesystemDevice) throws(Failure) {
    let superblock = fs.pointee.super!
    let first = UInt64(superblock.pointee.s_first_data_block)
    let end = ext2fs_blocks_count(superblock)
    for group in 0..<fs.pointee.group_desc_count {
      let table = ext2fs_inode_table_loc(fs, group)
      let (last, overflow) = table.addingReportingOverflow(UInt64(fs.pointee.inode_blocks_per_group))
      let places = [ext2fs_block_bitmap_loc(fs, group), ext2fs_inode_bitmap_loc(fs, group), table]
      guard places.allSatisfy({ $0 >= first && $0 < end }), !overflow, last <= end,
        ext2fs_bg_itable_unused(fs, group) <= superblock.pointee.s_inodes_per_group
      else { throw device.damaged("group \(group) has its tables outside of it") }
      guard ext2fs_group_desc_csum_verify(fs, group) != 0 else {
        throw device.damaged("the checksum of group \(group) is wrong")
      }
    }
  }

  borrowing func damaged(_ words: String) -> Failure { device.damaged(words) }
}

extension FilesystemDevice {
  func damaged(_ words: String) -> Failure {
    Failure(
      .guest, "the filesystem on \(name) is damaged: \(words)",
      remedy: "see what e2fsck can save, where it is a guest of yours")
  }
}
