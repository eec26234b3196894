// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

extension Filesystem {
  /// Clears what a new filesystem calls used and neither mke2fs, resize2fs nor libext2fs writes. On a disk that was not
  /// wiped an earlier tenant's data would leave there with the next export.
  package borrowing func clearUnwritten() throws(Failure) {
    for group in 1..<max(1, fs.pointee.group_desc_count) where ext2fs_bg_has_super(fs, group) != 0 {
      let first = ext2fs_group_first_block2(fs, group)
      try clearRest(ofSuperblock: first)
      // Blocks for growing online, behind the copy of the group descriptors; with them there are no meta groups.
      guard ext2fs_has_feature_resize_inode(fs.pointee.super) != 0 else { continue }
      let (begin, end) = (first + 1 + blk64_t(fs.pointee.desc_blocks), ext2fs_group_last_block2(fs, group) + 1)
      try clear(begin..<max(begin, min(begin + blk64_t(fs.pointee.super.pointee.s_reserved_gdt_blocks), end)))
    }
    try clearUninitializedBitmaps()
  }

  /// Where a group's descriptor says that all of a bitmap is free, it is not on the disk.
  private borrowing func clearUninitializedBitmaps() throws(Failure) {
    guard ext2fs_has_group_desc_csum(fs) != 0 else { return }
    var blocks: [blk64_t] = []
    for group in 0..<fs.pointee.group_desc_count {
      if ext2fs_bg_flags_test(fs, group, UInt16(EXT2_BG_BLOCK_UNINIT)) != 0 {
        blocks.append(ext2fs_block_bitmap_loc(fs, group))
      }
      if ext2fs_bg_flags_test(fs, group, UInt16(EXT2_BG_INODE_UNINIT)) != 0 {
        blocks.append(ext2fs_inode_bitmap_loc(fs, group))
      }
    }
    blocks.sort()
    // Those of the groups of one flexible group lie together.
    var next = blocks.startIndex
    while next < blocks.endIndex {
      let begin = blocks[next]
      var end = begin + 1
      next += 1
      while next < blocks.endIndex, blocks[next] == end {
        end += 1
        next += 1
      }
      try clear(begin..<end)
    }
  }

  private borrowing func clear(_ blocks: Range<blk64_t>) throws(Failure) {
    guard !blocks.isEmpty else { return }
    try device.check(
      ext2fs_zero_blocks2(fs, blocks.lowerBound, Int32(blocks.count), nil, nil),
      "clear blocks from \(blocks.lowerBound) on")
  }

  /// The superblock is 1024 bytes of a block of its copy.
  private borrowing func clearRest(ofSuperblock block: blk64_t) throws(Failure) {
    let length = Superblock.range.count
    guard blockSize > length else { return }
    var bytes = [UInt8](repeating: 0, count: Int(blockSize))
    try device.check(io_channel_read_blk64(fs.pointee.io, block, 1, &bytes), "read block \(block)")
    bytes.replaceSubrange(length..., with: repeatElement(0, count: bytes.count - length))
    try device.check(io_channel_write_blk64(fs.pointee.io, block, 1, bytes), "write block \(block)")
  }
}
