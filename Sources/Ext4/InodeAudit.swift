// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

extension Filesystem {
  /// Refuses an inode of a file in which something is not as it has to be; returns its map.
  borrowing func examineInode(_ number: InodeNumber, _ inode: ext2_inode) throws(Failure) -> BlockMap {
    func refuse(_ words: String) -> Failure { damaged("inode \(number) \(words)") }
    let superblock = fs.pointee.super!
    let kind = inode.i_mode & 0o170000
    func has(_ flag: Int32) -> Bool { Int64(inode.i_flags) & Int64(flag) != 0 }
    guard [0o100000, 0o040000, 0o120000, 0o020000, 0o060000, 0o010000, 0o140000].contains(kind) else {
      throw refuse("is a file of kind \(kind)")
    }
    // What libext2fs would be misled by.
    if !has(EXT4_EA_INODE_FL) { _ = try examine(number) }
    guard inode.i_dtime == 0, inode.i_faddr == 0 else { throw refuse("is in use, and says when it was removed") }
    let linux = inode.osd2.linux2
    let isHuge = ext2fs_has_feature_huge_file(superblock) != 0
    guard isHuge || linux.l_i_blocks_hi == 0, ext2fs_has_feature_64bit(superblock) != 0 || linux.l_i_file_acl_high == 0
    else { throw refuse("has numbers of a feature that the filesystem has not") }
    guard !has(EXT4_EXTENTS_FL) || ext2fs_has_feature_extents(superblock) != 0, !has(EXT2_INDEX_FL) || kind == 0o040000
    else { throw refuse("has flags of another kind of file") }
    let attributeBlocks = try examineAttributes(of: number, inode)
    let map = try blockMap(of: number, inode)
    try examineSize(of: number, inode, map)

    let claimed = claims(of: map).reduce(UInt64(0)) { $0 + UInt64($1.count) } + attributeBlocks
    let blocks = claimed << UInt64(fs.pointee.cluster_ratio_bits)
    let said = UInt64(inode.i_blocks) | (isHuge ? UInt64(linux.l_i_blocks_hi) << 32 : 0)
    let right = isHuge && has(EXT4_HUGE_FILE_FL) ? blocks : blocks * (blockSize / 512)
    guard said == right else { throw refuse("counts \(said) blocks, and has \(right)") }
    return map
  }

  private borrowing func examineSize(
    of number: InodeNumber, _ inode: ext2_inode, _ map: BlockMap
  ) throws(Failure) {
    var inode = inode
    func refuse(_ words: String) -> Failure { damaged("inode \(number) \(words)") }
    func has(_ flag: Int32) -> Bool { Int64(inode.i_flags) & Int64(flag) != 0 }
    let size = UInt64(inode.i_size) | UInt64(inode.i_size_high) << 32
    switch inode.i_mode & 0o170000 {
    case 0o100000:
      // It may end within its last block, and be followed by blocks that were never written.
      let end = map.runs.last { !$0.isUnwritten }.map { $0.logical + UInt64($0.blocks.count) } ?? 0
      guard has(EXT4_INLINE_DATA_FL) || has(EXT4_VERITY_FL) || end == 0 || size >= (end - 1) * blockSize else {
        throw refuse("has \(size) bytes and \(end) blocks")
      }
      guard size < 1 << 31 || ext2fs_has_feature_large_file(fs.pointee.super) != 0 else {
        throw refuse("has \(size) bytes, more than a file of this filesystem")
      }
    case 0o040000:
      guard inode.i_size_high == 0 || ext2fs_has_feature_largedir(fs.pointee.super) != 0,
        !map.runs.contains(where: \.isUnwritten)
      else { throw refuse("is a directory that is not written") }
    case 0o120000:
      guard !has(EXT4_INLINE_DATA_FL), !has(EXT4_ENCRYPT_FL) else { break }
      let target: [UInt8]
      if ext2fs_is_fast_symlink(&inode) != 0 {
        target = withUnsafeBytes(of: &inode.i_block) { Array($0) }
      } else {
        guard let place = map.block(0) else { throw refuse("is a link to nowhere") }
        var block = [UInt8](repeating: 0, count: Int(blockSize))
        try device.check(io_channel_read_blk64(fs.pointee.io, place, 1, &block), "read inode \(number)")
        target = block
      }
      guard target.firstIndex(of: 0) == Int(size) else { throw refuse("is a link whose text has not \(size) bytes") }
    default:
      guard size == 0, !has(EXT4_EXTENTS_FL), !has(EXT2_INDEX_FL), !has(EXT4_INLINE_DATA_FL) else {
        throw refuse("is a special file with content")
      }
    }
  }

  /// Looks at the fields behind the first 128 bytes and at the attributes; returns how many clusters these take.
  private borrowing func examineAttributes(of number: InodeNumber, _ inode: ext2_inode) throws(Failure) -> UInt64 {
    func refuse(_ words: String) -> Failure { damaged("inode \(number) \(words)") }
    let inodeSize = Int(inodeSize)
    if inodeSize > 128 {
      var large = ext2_inode_large()
      let result = withUnsafeMutablePointer(to: &large) {
        $0.withMemoryRebound(to: ext2_inode.self, capacity: 1) {
          ext2fs_read_inode_full(fs, number, $0, Int32(MemoryLayout<ext2_inode_large>.size))
        }
      }
      try device.check(result, "read inode \(number)")
      let extra = Int(large.i_extra_isize)
      guard extra == 0 || (4...inodeSize - 128).contains(extra) && extra % 4 == 0 else {
        throw refuse("has \(extra) bytes of more fields")
      }
    }
    let (inside, block) = try attributeEntries(of: number)
    var clusters: UInt64 = attributeBlock(of: inode) == nil ? 0 : 1
    let clusterSize = blockSize << UInt64(fs.pointee.cluster_ratio_bits)
    for entry in inside + block {
      guard entry.isHashRight else { throw refuse("has the attribute \(entry.name.quoted) with a wrong hash") }
      if entry.inode != 0 { clusters += (UInt64(entry.size) + clusterSize - 1) / clusterSize }
    }
    return clusters
  }

  /// What the groups and the superblock count.
  borrowing func examineGroups(_ used: Runs, _ audit: Audit) throws(Failure) {
    if let fault = bitmapFault() { throw damaged(fault) }
    let superblock = fs.pointee.super!
    let perGroup = UInt64(superblock.pointee.s_inodes_per_group)
    let groups = Int(fs.pointee.group_desc_count)
    var (inodes, last) = ([UInt64](repeating: 0, count: groups), [UInt64](repeating: 0, count: groups))
    for run in used.ranges {
      var begin = run.lowerBound
      while begin < run.upperBound {
        let group = (begin - 1) / perGroup
        let end = min(run.upperBound, (group + 1) * perGroup + 1)
        guard group < groups else { throw damaged("inode \(begin) is in use, and is not one of the filesystem") }
        inodes[Int(group)] += end - begin
        last[Int(group)] = end - 1 - group * perGroup
        begin = end
      }
    }
    var folders = [Int](repeating: 0, count: groups)
    for (group, count) in changes.folders.enumerated() where group < groups { folders[group] = Int(count) }
    let now = Set(audit.folders.map(\.number))
    let before = Set(changes.earlier.filter { $0.value.parent != nil }.keys)
    for number in now.subtracting(before) { folders[Int((UInt64(number) - 1) / perGroup)] += 1 }
    for number in before.subtracting(now) { folders[Int((UInt64(number) - 1) / perGroup)] -= 1 }
    let hasChecksums = ext2fs_has_group_desc_csum(fs) != 0
    var (freeBlocks, freeInodes): (UInt64, UInt64) = (0, 0)
    for number in 0..<groups {
      let group = dgrp_t(number)
      func refuse(_ words: String) -> Failure { damaged("group \(number) \(words)") }
      let free = UInt64(ext2fs_bg_free_inodes_count(fs, group))
      guard free == perGroup - inodes[number] else {
        throw refuse("counts \(free) free inodes, and has \(perGroup - inodes[number])")
      }
      let counted = Int(ext2fs_bg_used_dirs_count(fs, group))
      guard counted == folders[number] else {
        throw refuse("counts \(counted) directories, and has \(folders[number])")
      }
      let unused = UInt64(ext2fs_bg_itable_unused(fs, group))
      let isUnwritten = ext2fs_bg_flags_test(fs, group, UInt16(EXT2_BG_INODE_UNINIT)) != 0
      guard hasChecksums || unused == 0 && !isUnwritten, !isUnwritten || inodes[number] == 0,
        last[number] <= perGroup - unused
      else { throw refuse("calls inodes unused that are in use") }
      guard ext2fs_group_desc_csum_verify(fs, group) != 0 else { throw refuse("has a wrong checksum") }
      freeBlocks += UInt64(ext2fs_bg_free_blocks_count(fs, group))
      freeInodes += free
    }
    // Clusters in the groups, blocks in the superblock.
    freeBlocks <<= UInt64(fs.pointee.cluster_ratio_bits)
    guard freeBlocks == freeBlockCount, freeInodes == UInt64(superblock.pointee.s_free_inodes_count) else {
      throw damaged("its groups have other free blocks or inodes than its superblock counts")
    }
  }
}
