// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

/// A run of bytes on a disk.
package struct ByteRange: Equatable, Sendable {
  package var offset: UInt64
  package var length: UInt64

  package init(offset: UInt64, length: UInt64) {
    self.offset = offset
    self.length = length
  }

  package var end: UInt64 { offset + length }
}

extension Filesystem {
  /// The bytes that the filesystem uses, by its block bitmap: ascending, in whole blocks, neighbours joined. The boot
  /// block and the primary superblock are among them.
  ///
  /// Only a filesystem that needs no recovery may be believed: what its journal holds is not in the bitmaps.
  package borrowing func usedExtents() throws(Failure) -> [ByteRange] {
    try needBitmaps()
    let last = blockCount - 1
    let first = UInt64(fs.pointee.super.pointee.s_first_data_block)
    var extents: [ByteRange] = []
    // With 1 KiB blocks the bitmap begins at block 1; block 0 holds the boot sector.
    if first > 0 { extents.append(ByteRange(offset: 0, length: first * blockSize)) }
    var next = first
    while next <= last {
      var begin: blk64_t = 0
      if ext2fs_find_first_set_block_bitmap2(fs.pointee.block_map, next, last, &begin) != 0 { break }
      var end: blk64_t = 0
      if ext2fs_find_first_zero_block_bitmap2(fs.pointee.block_map, begin, last, &end) != 0 { end = last + 1 }
      let extent = ByteRange(offset: begin * blockSize, length: (end - begin) * blockSize)
      if let previous = extents.last, previous.end == extent.offset {
        extents[extents.count - 1].length += extent.length
      } else {
        extents.append(extent)
      }
      next = end
    }
    return extents
  }

  /// The tails of the inode tables that no inode was ever written to: the filesystem uses the blocks, but does not say
  /// what is in them. Empty where the filesystem has no checksums of its groups.
  package borrowing func unwrittenInodeTables() -> [ByteRange] {
    guard ext2fs_has_group_desc_csum(fs) != 0 else { return [] }
    let inodeSize = UInt64(fs.pointee.super.pointee.s_inode_size)
    let perGroup = UInt64(fs.pointee.super.pointee.s_inodes_per_group)
    return (0..<fs.pointee.group_desc_count).compactMap { group in
      let used = perGroup - UInt64(ext2fs_bg_itable_unused(fs, group))
      let usedBlocks = (used * inodeSize + blockSize - 1) / blockSize
      let blocks = UInt64(fs.pointee.inode_blocks_per_group)
      guard usedBlocks < blocks else { return nil }
      let table = ext2fs_inode_table_loc(fs, group)
      return ByteRange(offset: (table + usedBlocks) * blockSize, length: (blocks - usedBlocks) * blockSize)
    }
  }
}
