// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

/// What a filesystem was before it was changed, as far as it is changed: `audit` compares it with what it is then.
final class Changes {
  /// What an inode was.
  struct Earlier {
    /// 0 for one that was not in use.
    var links = 0
    var claims: [Range<UInt64>] = []
    /// A block with its attributes, which it may share with others.
    var attributes: UInt64?
    /// Of a folder, the one above it.
    var parent: InodeNumber?
  }

  /// The bitmaps as they were; nil where they were not needed yet. Clusters, where the filesystem has those.
  private(set) var used: Runs?
  private(set) var inodes = Runs()
  /// What was the filesystem's own: superblocks, descriptors, bitmaps and tables.
  private(set) var tables = Runs()
  /// The folders that each group had.
  private(set) var folders: [UInt32] = []
  var earlier: [InodeNumber: Earlier] = [:]
  /// How many files shared a block of attributes.
  var attributeUsers: [UInt64: UInt32] = [:]
  /// How often the folders that were changed named an inode.
  var references: [InodeNumber: Int] = [:]
  var isChanged = false
  /// All that the filesystem has is new.
  var isWhole: Bool { used?.ranges.isEmpty == true }

  func begin(used: Runs, inodes: Runs, tables: Runs, folders: [UInt32]) {
    (self.used, self.inodes, self.tables, self.folders) = (used, inodes, tables, folders)
  }
}

extension Filesystem {
  /// Notes what the bitmaps are before anything is changed.
  borrowing func beginChanges() throws(Failure) {
    guard changes.used == nil, fs.pointee.flags & EXT2_FLAG_RW != 0 else { return }
    changes.begin(
      used: try usedClusters(), inodes: try usedInodes(), tables: tables(),
      folders: (0..<fs.pointee.group_desc_count).map { ext2fs_bg_used_dirs_count(fs, $0) })
  }

  /// Begins with nothing: all that the filesystem has is new.
  borrowing func beginWhole() {
    changes.begin(used: Runs(), inodes: Runs(), tables: Runs(), folders: [])
    changes.isChanged = true
  }

  /// Notes what an inode is, before it is changed for the first time.
  borrowing func willChange(_ number: InodeNumber) throws(Failure) {
    let changes = changes
    changes.isChanged = true
    try needBitmaps()
    guard changes.earlier[number] == nil, changes.inodes.contains(UInt64(number)) else { return }
    let (earlier, named) = try earlier(of: number)
    changes.earlier[number] = earlier
    for number in named { changes.references[number, default: 0] -= 1 }
    try countUsers(ofAttributes: earlier.attributes)
  }

  private borrowing func countUsers(ofAttributes block: UInt64?) throws(Failure) {
    guard let block, changes.attributeUsers[block] == nil else { return }
    // In one statement with the next it crashes the optimizer of Swift 6.3.1.
    let users = try attributeUsers(block)
    changes.attributeUsers[block] = users
  }

  /// What an inode is, and the inodes that it names, one for each name.
  private borrowing func earlier(
    of number: InodeNumber
  ) throws(Failure) -> (Changes.Earlier, named: [InodeNumber]) {
    var earlier = Changes.Earlier()
    let inode = try inode(number)
    guard inode.i_links_count > 0 else { return (earlier, []) }
    let map = try blockMap(of: number, inode)
    // An inode with the value of an attribute is in no folder; a file that gets its number later is in one.
    earlier.links = Int64(inode.i_flags) & Int64(EXT4_EA_INODE_FL) != 0 ? 0 : Int(inode.i_links_count)
    earlier.claims = claims(of: map)
    earlier.attributes = attributeBlock(of: inode)
    guard FileKind(mode: inode.i_mode) == .directory else { return (earlier, []) }
    let folder = try folder(number, inode, map)
    earlier.parent = folder.parent
    return (earlier, folder.entries.map(\.inode) + [number, folder.parent])
  }

  /// The clusters of a run of blocks; a cluster is a block but for `bigalloc`.
  borrowing func clusters(_ blocks: Range<UInt64>) -> Range<UInt64> {
    let bits = UInt64(fs.pointee.cluster_ratio_bits)
    return blocks.isEmpty ? 0..<0 : blocks.lowerBound >> bits..<((blocks.upperBound - 1) >> bits) + 1
  }

  /// In how many pieces what is in use may lie; each takes 16 bytes, a few times.
  private static var mostPieces: Int { 4_000_000 }

  private borrowing func refuseScattered(_ runs: Runs, _ what: String) throws(Failure) {
    guard runs.ranges.count > Self.mostPieces else { return }
    throw Failure(
      .guest, "the filesystem on \(device.name) has the \(what) in use in more than \(Self.mostPieces) pieces",
      remedy: "change the guest from within")
  }

  borrowing func usedClusters() throws(Failure) -> Runs {
    var used = Runs()
    try eachUsedRun { run throws(Failure) in
      used.append(clusters(run))
      try refuseScattered(used, "blocks")
    }
    return used
  }

  borrowing func usedInodes() throws(Failure) -> Runs {
    var used = Runs()
    let last = inodeCount
    var next: InodeNumber = 1
    while next <= last {
      var (begin, end): (ext2_ino_t, ext2_ino_t) = (0, 0)
      let found = ext2fs_find_first_set_inode_bitmap2(fs.pointee.inode_map, next, last, &begin)
      if found == errcode_t(ENOENT) { break }
      try device.check(found, "read the bitmaps")
      if ext2fs_find_first_zero_inode_bitmap2(fs.pointee.inode_map, begin, last, &end) != 0 {
        used.append(UInt64(begin)..<UInt64(last) + 1)
        break
      }
      used.append(UInt64(begin)..<UInt64(end))
      try refuseScattered(used, "inodes")
      next = end
    }
    return used
  }

  /// The clusters of superblocks, descriptors, bitmaps and inode tables, and of the room for more descriptors.
  borrowing func tables() -> Runs {
    let superblock = fs.pointee.super!
    let end = blockCount
    let descriptors =
      ext2fs_has_feature_meta_bg(superblock) != 0
      ? UInt64(superblock.pointee.s_first_meta_bg)
      : UInt64(fs.pointee.desc_blocks) + UInt64(superblock.pointee.s_reserved_gdt_blocks)
    var ranges: [Range<UInt64>] = []
    func add(_ first: UInt64, _ count: UInt64) { ranges.append(clusters(min(first, end)..<min(first + count, end))) }
    // Of a cluster with the first superblock.
    if blockSize == 1024, fs.pointee.cluster_ratio_bits > 0 { add(0, 1) }
    for group in 0..<fs.pointee.group_desc_count {
      var (copy, old, new): (blk64_t, blk64_t, blk64_t) = (0, 0, 0)
      _ = ext2fs_super_and_bgd_loc2(fs, group, &copy, &old, &new, nil)
      if copy != 0 || group == 0 { add(copy, 1) }
      if old != 0 { add(old, descriptors) }
      if new != 0 { add(new, 1) }
      add(ext2fs_block_bitmap_loc(fs, group), 1)
      add(ext2fs_inode_bitmap_loc(fs, group), 1)
      add(ext2fs_inode_table_loc(fs, group), UInt64(fs.pointee.inode_blocks_per_group))
    }
    return Runs(ranges)
  }
}
