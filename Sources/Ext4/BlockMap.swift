// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

/// The blocks that an inode maps.
struct BlockMap {
  struct Run {
    /// In the file, in blocks.
    var logical: UInt64
    var blocks: Range<UInt64>
    /// It reads as zeros until it is written.
    var isUnwritten: Bool
  }

  /// Ascending.
  var runs: [Run] = []
  /// Those that hold the map itself.
  var own: [UInt64] = []

  /// How many there are.
  var count: UInt64 { runs.reduce(UInt64(own.count)) { $0 + UInt64($1.blocks.count) } }
  /// The first block of the file behind all that it maps.
  var end: UInt64 { runs.last.map { $0.logical + UInt64($0.blocks.count) } ?? 0 }

  mutating func append(_ logical: UInt64, _ blocks: Range<UInt64>, isUnwritten: Bool) {
    if let last = runs.last, last.isUnwritten == isUnwritten, last.blocks.upperBound == blocks.lowerBound,
      last.logical + UInt64(last.blocks.count) == logical
    {
      runs[runs.count - 1].blocks = last.blocks.lowerBound..<blocks.upperBound
    } else {
      runs.append(Run(logical: logical, blocks: blocks, isUnwritten: isUnwritten))
    }
  }

  /// Nil for a hole.
  func block(_ logical: UInt64) -> UInt64? {
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      let run = runs[middle]
      if logical < run.logical {
        high = middle
      } else if logical - run.logical < UInt64(run.blocks.count) {
        return run.blocks.lowerBound + (logical - run.logical)
      } else {
        low = middle + 1
      }
    }
    return nil
  }
}

extension Filesystem {
  /// All blocks that an inode maps, in whichever way; those of its attributes are not among them.
  ///
  /// - Throws: `.guest` where the map is not sound: it is in disorder, or leads out of the filesystem.
  borrowing func blockMap(of number: InodeNumber, _ inode: ext2_inode) throws(Failure) -> BlockMap {
    var inode = inode
    let kind = inode.i_mode & 0o170000
    guard number < 11 || [0o100000, 0o040000, 0o120000].contains(kind), ext2fs_is_fast_symlink(&inode) == 0,
      Int64(inode.i_flags) & Int64(EXT4_INLINE_DATA_FL) == 0
    else { return BlockMap() }
    if Int64(inode.i_flags) & Int64(EXT4_EXTENTS_FL) != 0 { return try extentMap(of: number, &inode) }
    return try indirectMap(of: number, &inode)
  }

  private borrowing func extentMap(of number: InodeNumber, _ inode: inout ext2_inode) throws(Failure) -> BlockMap {
    func refuse(_ words: String) -> Failure { damaged("the extents of inode \(number) \(words)") }
    var map = BlockMap()
    var handle: ext2_extent_handle_t?
    try device.check(ext2fs_extent_open2(fs, number, &inode, &handle), "read the extents of inode \(number)")
    defer { ext2fs_extent_free(handle) }
    let first = UInt64(fs.pointee.super.pointee.s_first_data_block)
    var operation = EXT2_EXTENT_ROOT
    // Where the first of a node has to begin, by the node above it.
    var begin: UInt64?
    var steps: UInt64 = 0
    while true {
      var extent = ext2fs_extent()
      let result = ext2fs_extent_get(handle, operation, &extent)
      if result == EXT2_ET_EXTENT_NO_NEXT { break }
      try device.check(result, "read the extents of inode \(number)")
      operation = EXT2_EXTENT_NEXT
      steps += 1
      guard steps <= 2 * blockCount else { throw refuse("go in a circle") }
      if extent.e_flags & UInt32(EXT2_EXTENT_FLAGS_SECOND_VISIT) != 0 {
        guard begin == nil else { throw refuse("have a node without any") }
        continue
      }
      if let begin, extent.e_lblk != begin { throw refuse("begin at block \(extent.e_lblk), not at \(begin)") }
      if extent.e_flags & UInt32(EXT2_EXTENT_FLAGS_LEAF) == 0 {
        guard extent.e_pblk >= first, extent.e_pblk < blockCount, extent.e_lblk >= map.end else {
          throw refuse("are in block \(extent.e_pblk)")
        }
        map.own.append(extent.e_pblk)
        begin = extent.e_lblk
        continue
      }
      begin = nil
      let (end, overflow) = extent.e_pblk.addingReportingOverflow(UInt64(extent.e_len))
      guard extent.e_len > 0, extent.e_pblk >= first, !overflow, end <= blockCount else {
        throw refuse("map \(extent.e_len) blocks from block \(extent.e_pblk) on")
      }
      guard extent.e_lblk >= map.end, extent.e_lblk + UInt64(extent.e_len) <= UInt64(UInt32.max) else {
        throw refuse("map block \(extent.e_lblk) out of order")
      }
      map.append(
        extent.e_lblk, extent.e_pblk..<end, isUnwritten: extent.e_flags & UInt32(EXT2_EXTENT_FLAGS_UNINIT) != 0)
    }
    guard begin == nil else { throw refuse("have a node without any") }
    return map
  }

  private borrowing func indirectMap(of number: InodeNumber, _ inode: inout ext2_inode) throws(Failure) -> BlockMap {
    final class Found {
      var map = BlockMap()
      var left: UInt64 = 0
      var fault: String?
    }
    let found = Found()
    found.left = blockCount
    let result = ext2fs_block_iterate3(
      fs, number, BLOCK_FLAG_READ_ONLY, nil,
      { fs, block, count, _, _, data in
        let found = Unmanaged<Found>.fromOpaque(data!).takeUnretainedValue()
        guard let fs, let place = block?.pointee else { return BLOCK_ABORT }
        let superblock = fs.pointee.super!
        guard place >= superblock.pointee.s_first_data_block, place < ext2fs_blocks_count(superblock) else {
          found.fault = "maps block \(place)"
          return BLOCK_ABORT
        }
        guard found.left > 0 else {
          found.fault = "maps more blocks than there are"
          return BLOCK_ABORT
        }
        found.left -= 1
        if count < 0 {
          found.map.own.append(place)
        } else {
          guard UInt64(count) >= found.map.end else {
            found.fault = "maps block \(count) out of order"
            return BLOCK_ABORT
          }
          found.map.append(UInt64(count), place..<place + 1, isUnwritten: false)
        }
        return 0
      }, Unmanaged.passUnretained(found).toOpaque())
    if let fault = found.fault { throw damaged("inode \(number) \(fault)") }
    try device.check(result, "read the map of inode \(number)")
    return found.map
  }

  /// The clusters of a map, each once.
  borrowing func claims(of map: BlockMap) -> [Range<UInt64>] {
    let all = map.runs.map { clusters($0.blocks) } + map.own.map { clusters($0..<$0 + 1) }
    // Several runs of one file may share a cluster; where each is a block, to have it twice is a fault.
    return fs.pointee.cluster_ratio_bits == 0 ? all : Runs(all).ranges
  }

  /// The block with the attributes of an inode.
  borrowing func attributeBlock(of inode: ext2_inode) -> UInt64? {
    var inode = inode
    let block = ext2fs_file_acl_block(fs, &inode)
    return block == 0 ? nil : block
  }
}
