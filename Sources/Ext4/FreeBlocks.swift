// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

extension Filesystem {
  /// Frees all blocks that an inode maps, those of the map among them, also behind the file's end, and clears the map. The
  /// inode is not written.
  ///
  /// ext2fs_punch(3) of e2fsprogs 1.47 refuses an extent that ends with the filesystem's last block, after it took it out
  /// of the tree.
  borrowing func freeBlocks(of number: InodeNumber, _ inode: inout ext2_inode) throws(Failure) {
    guard ext2fs_inode_has_valid_blocks2(fs, &inode) != 0, ext2fs_is_fast_symlink(&inode) == 0 else { return }
    final class Freed {
      var clusters: UInt64 = 0
    }
    let freed = Freed()
    let result = ext2fs_block_iterate3(
      fs, number, BLOCK_FLAG_READ_ONLY, nil,
      { fs, block, _, _, _, data in
        guard let fs, let block = block?.pointee else { return 0 }
        // Of a cluster the first block frees all.
        guard ext2fs_test_block_bitmap2(fs.pointee.block_map, block) != 0 else { return 0 }
        ext2fs_block_alloc_stats2(fs, block, -1)
        Unmanaged<Freed>.fromOpaque(data!).takeUnretainedValue().clusters += 1
        return 0
      }, Unmanaged.passUnretained(freed).toOpaque())
    try device.check(result, "free the blocks of inode \(number)")
    try device.check(ext2fs_iblk_sub_blocks(fs, &inode, freed.clusters), "free the blocks of inode \(number)")
    _ = withUnsafeMutableBytes(of: &inode.i_block) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
    if inode.i_flags & UInt32(EXT4_EXTENTS_FL) != 0 { try beginExtents(of: number, &inode) }
  }
}
