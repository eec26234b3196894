// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

extension Filesystem {
  /// Makes a filesystem of `format` fill a disk of `size` bytes, with the journal and the room for growing online that
  /// suit this size. Nothing that is there moves; the cost is that of the new groups' descriptors.
  ///
  /// - Parameter zeroed: the disk reads as zeros wherever nothing was written: then the kernel need not clear the inode
  ///   tables later, nor we the journal now.
  package borrowing func grow(to size: UInt64, options: FilesystemOptions, zeroed: Bool) throws(Failure) {
    try willChange(InodeNumber(EXT2_RESIZE_INO))
    try willChange(InodeNumber(EXT2_JOURNAL_INO))
    let oldGroups = fs.pointee.group_desc_count
    let oldBlocks = blockCount
    let newBlocks = try blocksThatFit(in: size, options)
    if newBlocks > oldBlocks {
      let last = oldGroups - 1
      let shortSize = UInt32(ext2fs_group_blocks_count(fs, last))
      try resizeTables(to: newBlocks)
      // With blocks of 1 KiB the last group is one short: block 0 is in none.
      let gained = UInt32(ext2fs_group_blocks_count(fs, last)) - shortSize
      ext2fs_bg_free_blocks_count_set(fs, last, ext2fs_bg_free_blocks_count(fs, last) + gained)
      ext2fs_group_desc_csum_set(fs, last)
    }
    ext2fs_r_blocks_count_set(fs.pointee.super, UInt64(options.reservedPercent * Double(newBlocks) / 100))
    fs.pointee.super.pointee.s_overhead_clusters = 0
    if ext2fs_has_feature_flex_bg(fs.pointee.super) != 0, fs.pointee.group_desc_count >= Self.manyGroups {
      fs.pointee.super.pointee.s_log_groups_per_flex = 8
    }
    try reserveDescriptors(before: oldGroups, options)
    try addGroups(from: oldGroups, zeroed: zeroed)
    ext2fs_set_feature_resize_inode(fs.pointee.super)
    try device.check(ext2fs_create_resize_inode(fs), "reserve blocks for growing online")
    if options.kind != .ext2 { try addJournal(zeroed: zeroed) }
    if !zeroed { try clearUnwritten() }
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED | EXT2_FLAG_BB_DIRTY | EXT2_FLAG_IB_DIRTY
  }

  /// From so many groups on (1 TiB of the usual ones) 256 of them keep their bitmaps and inode tables together, not 16: a block
  /// bitmap has to be written for each group that holds such things of others, which are a quarter as many then.
  private static let manyGroups: UInt32 = 1 << 13

  /// What a filesystem of `format` holds besides, at the least, when it was made to fill a disk of `size` bytes.
  package borrowing func roomForMore(
    whenGrownTo size: UInt64, _ options: FilesystemOptions
  ) -> (blocks: UInt64, inodes: UInt64) {
    let inodesPerGroup = UInt64(fs.pointee.super.pointee.s_inodes_per_group)
    let tables = UInt64(fs.pointee.inode_blocks_per_group) + 2
    let used =
      blockCount - freeBlockCount - min(blockCount - freeBlockCount, UInt64(fs.pointee.group_desc_count) * tables)
    let groups = max(UInt64(fs.pointee.group_desc_count), size / options.groupSize)
    let journal = options.kind == .ext2 ? 0 : UInt64(max(0, ext2fs_default_journal_size(size / blockSize)))
    let capacity = options.capacity(ofGroups: groups, tables: tables)
    return (
      capacity - min(capacity, used + journal + journal / 64), groups * inodesPerGroup - UInt64(usedInodeCount)
    )
  }

  /// The blocks of the grown filesystem: a last group too small for its own tables is left out, as mke2fs does.
  private borrowing func blocksThatFit(in size: UInt64, _ options: FilesystemOptions) throws(Failure) -> UInt64 {
    guard size <= options.largestSize else {
      throw Failure(
        .device,
        "\(device.name) has \(size) bytes; \(options.kind) with blocks of \(options.blockSize) bytes holds "
          + "at most \(options.largestSize)",
        remedy: "use a smaller disk or larger blocks")
    }
    let superblock = fs.pointee.super!
    let first = UInt64(superblock.pointee.s_first_data_block)
    let perGroup = UInt64(superblock.pointee.s_blocks_per_group)
    let inodesPerGroup = UInt64(superblock.pointee.s_inodes_per_group)
    var blocks = size / blockSize
    // Inode numbers have 32 bits.
    blocks = min(blocks, first + perGroup * (UInt64(UInt32.max) / inodesPerGroup))
    let remainder = (blocks - first) % perGroup
    let tables = UInt64(fs.pointee.inode_blocks_per_group) + 2
    // 50 blocks are the least that is worth a group (e2fsprogs, lib/ext2fs/initialize.c).
    if remainder > 0, remainder < tables + 1 + UInt64(options.descriptorRoom) + 50 { blocks -= remainder }
    guard blocks >= blockCount else {
      throw Failure(.device, "\(device.name) has \(size) bytes; the guest's image needs \(self.size)")
    }
    return blocks
  }

  /// Enlarges what libext2fs keeps in memory: the counts, the bitmaps and the array of descriptors.
  private borrowing func resizeTables(to blocks: UInt64) throws(Failure) {
    let superblock = fs.pointee.super!
    let perGroup = UInt64(superblock.pointee.s_blocks_per_group)
    let first = UInt64(superblock.pointee.s_first_data_block)
    let oldDescriptorBlocks = fs.pointee.desc_blocks
    ext2fs_free_blocks_count_add(superblock, blk64_t(blocks - blockCount))
    ext2fs_blocks_count_set(superblock, blocks)
    fs.pointee.group_desc_count = UInt32((blocks - first + perGroup - 1) / perGroup)
    let perBlock = UInt32(fs.pointee.blocksize) / UInt32(descriptorSize)
    fs.pointee.desc_blocks = UInt((fs.pointee.group_desc_count + perBlock - 1) / perBlock)
    superblock.pointee.s_inodes_count = superblock.pointee.s_inodes_per_group * fs.pointee.group_desc_count

    let inodes = superblock.pointee.s_inodes_count
    try device.check(
      ext2fs_resize_inode_bitmap2(UInt64(inodes), UInt64(inodes), fs.pointee.inode_map), "enlarge the inode bitmap")
    let lastInGroups = first + perGroup * UInt64(fs.pointee.group_desc_count) - 1
    try device.check(
      ext2fs_resize_block_bitmap2(blocks - 1, lastInGroups, fs.pointee.block_map), "enlarge the block bitmap")
    let blockBytes = Int(fs.pointee.blocksize)
    try device.check(
      withUnsafeMutablePointer(to: &fs.pointee.group_desc) {
        ext2fs_resize_mem(
          UInt(Int(oldDescriptorBlocks) * blockBytes), UInt(Int(fs.pointee.desc_blocks) * blockBytes), $0)
      }, "enlarge the group descriptors")
    let descriptors = UnsafeMutableRawPointer(fs.pointee.group_desc!)
    (descriptors + Int(oldDescriptorBlocks) * blockBytes).initializeMemory(
      as: UInt8.self, repeating: 0, count: Int(fs.pointee.desc_blocks - oldDescriptorBlocks) * blockBytes)
  }

  private var descriptorSize: UInt16 {
    ext2fs_has_feature_64bit(fs.pointee.super) != 0 ? fs.pointee.super.pointee.s_desc_size : 32
  }

  /// Takes the blocks behind each old superblock for the longer descriptor table and its reserve.
  private borrowing func reserveDescriptors(before groups: UInt32, _ options: FilesystemOptions) throws(Failure) {
    let addresses = fs.pointee.blocksize / 4
    fs.pointee.super.pointee.s_reserved_gdt_blocks = UInt16(
      min(addresses, UInt32(options.descriptorRoom) - UInt32(fs.pointee.desc_blocks)))
    for group in 0..<groups where ext2fs_bg_has_super(fs, group) != 0 {
      let before = try freeBlocks(in: group)
      ext2fs_reserve_super_and_bgd(fs, group, fs.pointee.block_map)
      let taken = before - (try freeBlocks(in: group))
      ext2fs_bg_free_blocks_count_set(fs, group, ext2fs_bg_free_blocks_count(fs, group) - taken)
      ext2fs_free_blocks_count_add(fs.pointee.super, 0 &- blk64_t(taken))
      // The bitmap on the disk is not derived from the layout any more.
      ext2fs_bg_flags_clear(fs, group, UInt16(EXT2_BG_BLOCK_UNINIT))
      ext2fs_group_desc_csum_set(fs, group)
    }
  }

  /// Counts by the bitmap: for the few groups with a superblock only.
  private borrowing func freeBlocks(in group: UInt32) throws(Failure) -> UInt32 {
    let first = ext2fs_group_first_block2(fs, group)
    let last = ext2fs_group_last_block2(fs, group)
    return (first...last).reduce(0) { $0 + (ext2fs_test_block_bitmap2(fs.pointee.block_map, $1) == 0 ? 1 : 0) }
  }

  private borrowing func addGroups(from oldGroups: UInt32, zeroed: Bool) throws(Failure) {
    let superblock = fs.pointee.super!
    let inodesPerGroup = superblock.pointee.s_inodes_per_group
    let checksummed = ext2fs_has_group_desc_csum(fs) != 0
    let flexible = ext2fs_has_feature_flex_bg(superblock) != 0
    let groups = fs.pointee.group_desc_count
    if checksummed, !zeroed {
      for group in 0..<oldGroups {
        ext2fs_bg_flags_clear(fs, group, UInt16(EXT2_BG_INODE_ZEROED))
        ext2fs_group_desc_csum_set(fs, group)
      }
    }
    guard groups > oldGroups else { return }
    // A placement takes from groups that come later, so all of them are empty and counted before the first.
    for group in oldGroups..<groups {
      let size = UInt32(ext2fs_group_blocks_count(fs, group))
      // What it returns leaves room for tables in the group itself.
      let tables = 2 + fs.pointee.inode_blocks_per_group
      let free = UInt32(ext2fs_reserve_super_and_bgd(fs, group, fs.pointee.block_map)) + (flexible ? tables : 0)
      ext2fs_bg_free_blocks_count_set(fs, group, free)
      ext2fs_free_blocks_count_add(superblock, 0 &- blk64_t(size - free))
      ext2fs_bg_free_inodes_count_set(fs, group, inodesPerGroup)
      superblock.pointee.s_free_inodes_count += inodesPerGroup
      if checksummed {
        ext2fs_bg_itable_unused_set(fs, group, inodesPerGroup)
        ext2fs_bg_flags_set(fs, group, UInt16(EXT2_BG_INODE_UNINIT))
        // The last bitmap has padding that must be on the disk.
        if group < groups - 1 { ext2fs_bg_flags_set(fs, group, UInt16(EXT2_BG_BLOCK_UNINIT)) }
        if zeroed { ext2fs_bg_flags_set(fs, group, UInt16(EXT2_BG_INODE_ZEROED)) }
      }
    }
    for group in oldGroups..<groups {
      try device.check(ext2fs_allocate_group_table(fs, group, nil), "place the tables of group \(group)")
      if !checksummed, !zeroed {
        try device.check(
          ext2fs_zero_blocks2(
            fs, ext2fs_inode_table_loc(fs, group), Int32(fs.pointee.inode_blocks_per_group), nil, nil),
          "clear the inode table of group \(group)")
      }
    }
  }

  /// A journal of the size that mke2fs would take.
  private borrowing func addJournal(zeroed: Bool) throws(Failure) {
    let blocks = ext2fs_default_journal_size(blockCount)
    guard blocks > 0 else { return }
    var parameters = ext2fs_journal_params()
    parameters.num_journal_blocks = UInt32(blocks)
    ext2fs_set_feature_journal(fs.pointee.super)
    try device.check(
      ext2fs_add_journal_inode3(fs, &parameters, blk64_t.max, zeroed ? EXT2_MKJOURNAL_LAZYINIT : 0), "make the journal")
  }
}
