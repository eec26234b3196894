// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
package import Report

extension Filesystem {
  /// The bytes that somebody wrote and that count: what the block bitmap calls used, without the tails of inode tables
  /// that no inode was ever written to. Ascending, in whole blocks, neighbours joined; the boot block and the primary
  /// superblock are among them.
  ///
  /// Only a filesystem that needs no recovery may be believed: what its journal holds is not in the bitmaps.
  package borrowing func writtenExtents() throws(Failure) -> [ByteRange] {
    var extents: [ByteRange] = []
    try eachWrittenExtent { extent throws(Failure) in extents.append(extent) }
    return extents
  }

  /// The same one by one, for a filesystem of any size.
  package borrowing func eachWrittenExtent(_ body: (ByteRange) throws(Failure) -> Void) throws(Failure) {
    let unwritten = unwrittenInodeTables()
    var next = 0
    try eachUsedExtent { used throws(Failure) in
      var begin = used.offset
      while next < unwritten.count, unwritten[next].offset < used.end {
        let tail = unwritten[next]
        if tail.offset > begin { try body(ByteRange(offset: begin, length: tail.offset - begin)) }
        begin = max(begin, tail.end)
        next += 1
      }
      if begin < used.end { try body(ByteRange(offset: begin, length: used.end - begin)) }
    }
  }

  private borrowing func eachUsedExtent(_ body: (ByteRange) throws(Failure) -> Void) throws(Failure) {
    // With 1 KiB blocks the bitmap begins at block 1; block 0 holds the boot sector.
    let first = UInt64(fs.pointee.super.pointee.s_first_data_block)
    var pending = ByteRange(offset: 0, length: first * blockSize)
    try eachUsedRun { run throws(Failure) in
      if pending.end == run.lowerBound * blockSize {
        pending.length = run.upperBound * blockSize - pending.offset
      } else {
        if pending.length > 0 { try body(pending) }
        pending = ByteRange(offset: run.lowerBound * blockSize, length: UInt64(run.count) * blockSize)
      }
    }
    if pending.length > 0 { try body(pending) }
  }

  /// The tails of the inode tables that no inode was ever written to, ascending: the filesystem uses the blocks, but
  /// does not say what is in them. Empty where the filesystem has no checksums of its groups.
  private borrowing func unwrittenInodeTables() -> [ByteRange] {
    guard ext2fs_has_group_desc_csum(fs) != 0 else { return [] }
    let superblock = fs.pointee.super!
    let inodeSize = superblock.pointee.s_rev_level == 0 ? 128 : UInt64(superblock.pointee.s_inode_size)
    let perGroup = UInt64(fs.pointee.super.pointee.s_inodes_per_group)
    let tails = (0..<fs.pointee.group_desc_count).compactMap { group -> ByteRange? in
      let used = perGroup - min(perGroup, UInt64(ext2fs_bg_itable_unused(fs, group)))
      let usedBlocks = (used * inodeSize + blockSize - 1) / blockSize
      let blocks = UInt64(fs.pointee.inode_blocks_per_group)
      guard usedBlocks < blocks else { return nil }
      let table = ext2fs_inode_table_loc(fs, group)
      return ByteRange(offset: (table + usedBlocks) * blockSize, length: (blocks - usedBlocks) * blockSize)
    }
    return tails.sorted { $0.offset < $1.offset }
  }

  /// Says on the disk, with `commit`, that those tails may hold anything: the kernel then clears them in its own time.
  package borrowing func distrustInodeTables() {
    guard ext2fs_has_group_desc_csum(fs) != 0 else { return }
    for group in 0..<fs.pointee.group_desc_count where ext2fs_bg_itable_unused(fs, group) > 0 {
      ext2fs_bg_flags_clear(fs, group, UInt16(EXT2_BG_INODE_ZEROED))
      ext2fs_group_desc_csum_set(fs, group)
    }
    fs.pointee.flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED
  }
}
