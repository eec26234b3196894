// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

extension Filesystem {
  /// Clears the map of an inode, which is not written, and returns the clusters that it had, those of the map itself among them,
  /// also behind the file's end: they are in use until they are freed.
  ///
  /// ext2fs_punch(3) of e2fsprogs 1.47 refuses an extent that ends with the filesystem's last block, after it took it out
  /// of the tree.
  borrowing func clearMap(of number: InodeNumber, _ inode: inout ext2_inode) throws(Failure) -> [Range<UInt64>] {
    guard ext2fs_inode_has_valid_blocks2(fs, &inode) != 0, ext2fs_is_fast_symlink(&inode) == 0 else { return [] }
    let claims = try claims(of: blockMap(of: number, inode))
    let count = claims.reduce(0) { $0 + UInt64($1.count) }
    try device.check(ext2fs_iblk_sub_blocks(fs, &inode, count), "free the blocks of inode \(number)")
    _ = withUnsafeMutableBytes(of: &inode.i_block) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
    if inode.i_flags & UInt32(EXT4_EXTENTS_FL) != 0 { try beginExtents(of: number, &inode) }
    return claims
  }

  borrowing func free(_ clusters: [Range<UInt64>]) {
    for cluster in clusters.joined() {
      let block = cluster << UInt64(fs.pointee.cluster_ratio_bits)
      guard ext2fs_test_block_bitmap2(fs.pointee.block_map, block) != 0 else { continue }
      ext2fs_block_alloc_stats2(fs, block, -1)
    }
  }

  /// Frees all blocks that an inode maps, and clears the map. The inode is not written.
  borrowing func freeBlocks(of number: InodeNumber, _ inode: inout ext2_inode) throws(Failure) {
    free(try clearMap(of: number, &inode))
  }
}
