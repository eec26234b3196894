// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

/// The bitmaps of blocks and inodes in memory. As arrays they take 640 MiB for a disk of 16 TiB; as trees they take next to
/// nothing for a guest's, and 100 GiB where a stranger has made a run of every other block.
extension Filesystem {
  /// What a run takes in a tree, in bytes: a node of 40, as malloc(3) has it.
  private static let runMemory: UInt64 = 48
  /// Smaller ones are arrays without a look at them.
  private static let smallArray: UInt64 = 16 << 20

  /// Reads the block and inode bitmaps, which every change and `writtenExtents` need.
  borrowing func needBitmaps() throws(Failure) {
    guard fs.pointee.block_map == nil || fs.pointee.inode_map == nil else { return }
    // A filesystem that is opened to be grown becomes as large as its disk.
    let array = max(blockCount, device.device.pointee.size / blockSize) / 8
    var isArray = array <= Self.smallArray
    if !isArray { isArray = try runs(atMost: array / Self.runMemory) == nil }
    fs.pointee.default_bitmap_type = UInt16(isArray ? EXT2FS_BMAP64_BITARRAY : EXT2FS_BMAP64_RBTREE)
    try device.check(ext2fs_read_bitmaps(fs), "read the bitmaps")
  }

  /// How many runs of used blocks and inodes the bitmaps on the disk have, counted anew in each group; nil for more than
  /// `most`.
  borrowing func runs(atMost most: UInt64) throws(Failure) -> UInt64? {
    var count: UInt64 = 0
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(blockSize), alignment: 8)
    defer { buffer.deallocate() }
    let hasChecksums = ext2fs_has_group_desc_csum(fs) != 0
    for group in 0..<fs.pointee.group_desc_count {
      let bitmaps = [
        (ext2fs_block_bitmap_loc(fs, group), EXT2_BG_BLOCK_UNINIT),
        (ext2fs_inode_bitmap_loc(fs, group), EXT2_BG_INODE_UNINIT),
      ]
      for (block, unwritten) in bitmaps {
        if hasChecksums, ext2fs_bg_flags_test(fs, group, UInt16(unwritten)) != 0 { continue }
        try device.check(io_channel_read_blk64(fs.pointee.io, block, 1, buffer.baseAddress), "read the bitmaps")
        count += Self.runs(in: UnsafeRawBufferPointer(buffer))
        guard count <= most else { return nil }
      }
    }
    return count
  }

  /// How many runs of ones there are in bits, of which the lowest of each byte is the first.
  static func runs(in bits: UnsafeRawBufferPointer) -> UInt64 {
    var count = 0
    var before: UInt64 = 0
    for word in bits.bindMemory(to: UInt64.self) {
      let bits = UInt64(littleEndian: word)
      // A run begins with a one behind a zero.
      count += (bits & ~(bits << 1 | before)).nonzeroBitCount
      before = bits >> 63
    }
    return UInt64(count)
  }
}
