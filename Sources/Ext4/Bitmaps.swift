// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
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
    try beginChanges()
  }

  /// The runs of blocks that the bitmap calls used, ascending.
  borrowing func eachUsedRun(_ body: (Range<UInt64>) throws(Failure) -> Void) throws(Failure) {
    try needBitmaps()
    let last = blockCount - 1
    var next = UInt64(fs.pointee.super.pointee.s_first_data_block)
    while next <= last {
      var begin: blk64_t = 0
      let found = ext2fs_find_first_set_block_bitmap2(fs.pointee.block_map, next, last, &begin)
      if found == errcode_t(ENOENT) { break }
      try device.check(found, "read the bitmaps")
      var end: blk64_t = 0
      if ext2fs_find_first_zero_block_bitmap2(fs.pointee.block_map, begin, last, &end) != 0 { end = last + 1 }
      try body(begin..<end)
      next = end
    }
  }

  /// Why the bitmap of blocks is not believed: it can't be read, or in some group it leaves another number of blocks free
  /// than the group's descriptor says. libext2fs calls all of a group free whose bitmap is not where it should be.
  package borrowing func bitmapFault() -> String? {
    let superblock = fs.pointee.super.pointee
    let first = UInt64(superblock.s_first_data_block)
    let (perGroup, clusterBits) = (UInt64(superblock.s_blocks_per_group), UInt64(fs.pointee.cluster_ratio_bits))
    var fault: String?
    var group: UInt64 = 0
    var used: UInt64 = 0
    func compare() {
      let blocks = UInt64(ext2fs_group_blocks_count(fs, dgrp_t(group)))
      let clusters = (blocks + (1 << clusterBits) - 1) >> clusterBits
      let free = UInt64(ext2fs_bg_free_blocks_count(fs, dgrp_t(group)))
      if fault == nil, clusters - min(clusters, used) != free {
        fault = "group \(group) has \(free) free blocks, and \(clusters - min(clusters, used)) by its bitmap"
      }
      (group, used) = (group + 1, 0)
    }
    do throws(Failure) {
      try eachUsedRun { run throws(Failure) in
        var begin = run.lowerBound
        while begin < run.upperBound {
          while group < (begin - first) / perGroup { compare() }
          let end = min(run.upperBound, first + (group + 1) * perGroup)
          used += ((end - 1) >> clusterBits) - (begin >> clusterBits) + 1
          begin = end
        }
      }
    } catch {
      return error.message
    }
    while group < fs.pointee.group_desc_count { compare() }
    return fault
  }

  /// What is wrong with the descriptors of the groups: their checksums, or that they do not add up to what the superblock says.
  package borrowing func groupFault() -> String? {
    var (blocks, inodes): (UInt64, UInt64) = (0, 0)
    for group in 0..<fs.pointee.group_desc_count {
      guard ext2fs_group_desc_csum_verify(fs, group) != 0 else { return "the checksum of group \(group) is wrong" }
      blocks += UInt64(ext2fs_bg_free_blocks_count(fs, group))
      inodes += UInt64(ext2fs_bg_free_inodes_count(fs, group))
    }
    let free = (blocks << UInt64(fs.pointee.cluster_ratio_bits), UInt64(fs.pointee.super.pointee.s_free_inodes_count))
    guard free.0 == ext2fs_free_blocks_count(fs.pointee.super), inodes == free.1 else {
      return "the superblock counts other free blocks or inodes than the groups"
    }
    return nil
  }

  /// How many runs of used blocks and inodes the bitmaps on the disk have, counted anew in each group; nil for more than
  /// `most`.
  borrowing func runs(atMost most: UInt64) throws(Failure) -> UInt64? {
    let hasChecksums = ext2fs_has_group_desc_csum(fs) != 0
    return try withBuffer(of: Int(blockSize), alignment: 8) { buffer throws(Failure) in
      var count: UInt64 = 0
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
