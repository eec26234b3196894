// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
package import Report

/// What is found of the inodes that were changed or made.
struct Audit {
  /// The clusters that they take, and whose each is.
  var claims: [(clusters: Range<UInt64>, owner: InodeNumber)] = []
  /// How many of them have this block for their attributes.
  var attributes: [UInt64: UInt32] = [:]
  /// How often folders name an inode, less what they did before they were changed.
  var references: [InodeNumber: Int]
  var links: [InodeNumber: Int] = [:]
  var kinds: [InodeNumber: FileKind] = [:]
  /// The folder that each folder says it is in, and the one that names it.
  var above: [InodeNumber: InodeNumber] = [:]
  var places: [InodeNumber: InodeNumber] = [:]
  var folders: [(number: InodeNumber, content: FolderContent)] = []
}

/// Whether a filesystem is as sound as it was, or was made so: what e2fsck(8) looks at, of all that was changed. The rest was
/// checked before, and this proves that it is as it was. Reading only.
extension Filesystem {
  /// - Throws: with the inode or the group, and what is wrong with it.
  borrowing func audit() throws(Failure) {
    do throws(Failure) { try auditChanges() } catch {
      throw Failure(
        error.code, "what was written is not sound: \(error.message)",
        remedy: "this is a fault of guestsmith, or the disk does not keep what is written to it: try another disk")
    }
  }

  /// The same of all of a filesystem, whoever made it.
  package borrowing func auditAll() throws(Failure) {
    try needBitmaps()
    beginWhole()
    try auditUnused()
    try auditChanges()
  }

  private borrowing func auditChanges() throws(Failure) {
    try needBitmaps()
    // What is on the disk, and not what libext2fs remembers of it.
    ext2fs_flush_icache(fs)
    let used = try usedInodes()
    for run in changes.inodes.subtracting(used).ranges {
      for number in run where changes.earlier[InodeNumber(number)] == nil {
        throw damaged("inode \(number) is free, and was not removed")
      }
    }
    var audit = Audit(references: changes.references)
    for number in changes.earlier.keys.sorted() { try examine(number, isUsed: used, &audit) }
    for run in used.subtracting(changes.inodes).ranges {
      for number in run { try examine(InodeNumber(number), isUsed: used, &audit) }
    }
    for folder in audit.folders { try examine(folder.content, of: folder.number, isUsed: used, &audit) }
    try examineLinks(audit)
    try examinePlaces(audit)
    try examineBlocks(audit)
    try examineGroups(used, audit)
  }

  /// Inodes that no bitmap knows, and bitmaps that go on behind their end.
  private borrowing func auditUnused() throws(Failure) {
    guard fs.pointee.flags & (EXT2_FLAG_BBITMAP_TAIL_PROBLEM | EXT2_FLAG_IBITMAP_TAIL_PROBLEM) == 0 else {
      throw damaged("what is behind the end of a bitmap is not set")
    }
    let used = try usedInodes()
    let perGroup = fs.pointee.super.pointee.s_inodes_per_group
    for group in 0..<fs.pointee.group_desc_count {
      let begin = group * perGroup + 1
      let count =
        ext2fs_has_group_desc_csum(fs) == 0
        ? perGroup
        : ext2fs_bg_flags_test(fs, group, UInt16(EXT2_BG_INODE_UNINIT)) != 0
          ? 0 : perGroup - ext2fs_bg_itable_unused(fs, group)
      for number in begin..<begin + count where !used.contains(UInt64(number)) {
        let inode = try inode(number)
        guard inode.i_links_count == 0 else { throw damaged("inode \(number) is free, but has names") }
        guard inode.i_mode == 0 || inode.i_dtime != 0 else {
          throw damaged("inode \(number) is free, but its deletion time is not set")
        }
      }
    }
  }

  private borrowing func examine(
    _ number: InodeNumber, isUsed used: Runs, _ audit: inout Audit
  ) throws(Failure) {
    let inode = try inode(number)
    func refuse(_ words: String) -> Failure { damaged("inode \(number) \(words)") }
    let isUsed = used.contains(UInt64(number))
    guard number == Self.root || number >= firstInode else { return try examineOwn(number, inode, &audit) }
    guard inode.i_links_count > 0 else {
      guard !isUsed else { throw refuse("is in use, but has no name") }
      guard inode.i_dtime != 0 else { throw refuse("is deleted, but its deletion time is not set") }
      audit.links[number] = 0
      return
    }
    guard isUsed else { throw refuse("is free, but has names") }
    let map = try examineInode(number, inode)
    audit.claims += claims(of: map).map { ($0, number) }
    if let block = attributeBlock(of: inode) { audit.attributes[block, default: 0] += 1 }
    audit.links[number] = Int64(inode.i_flags) & Int64(EXT4_EA_INODE_FL) != 0 ? nil : Int(inode.i_links_count)
    audit.kinds[number] = FileKind(mode: inode.i_mode)
    if FileKind(mode: inode.i_mode) == .directory {
      let content = try folder(number, inode, map)
      if inode.i_flags & UInt32(EXT2_INDEX_FL) != 0, Int64(inode.i_flags) & Int64(EXT4_INLINE_DATA_FL) == 0 {
        try examineIndex(of: number, inode, map, content)
      }
      audit.folders.append((number, content))
    }
  }

  /// An inode of the filesystem's own: the journal, room for growing, bad blocks, quotas.
  private borrowing func examineOwn(
    _ number: InodeNumber, _ inode: ext2_inode, _ audit: inout Audit
  ) throws(Failure) {
    let superblock = fs.pointee.super!
    let isResize = number == InodeNumber(EXT2_RESIZE_INO) && ext2fs_has_feature_resize_inode(superblock) != 0
    let isJournal = ext2fs_has_feature_journal(superblock) != 0 && number == superblock.pointee.s_journal_inum
    let isQuota = ext2fs_has_feature_quota(superblock) != 0 && (3...4).contains(number)
    guard isResize || isJournal || isQuota || number == InodeNumber(EXT2_BAD_INO) else {
      guard inode.i_mode == 0 || number == InodeNumber(EXT2_BOOT_LOADER_INO) else {
        throw damaged("inode \(number) is the filesystem's own, and in use")
      }
      return
    }
    guard inode.i_mode & 0o170000 == 0o100000 || number == InodeNumber(EXT2_BAD_INO) && inode.i_mode == 0 else {
      throw damaged("inode \(number) is the filesystem's own, and not a file")
    }
    let map = number == InodeNumber(EXT2_BAD_INO) ? try blockMap(of: number, inode) : try examineInode(number, inode)
    // Bad blocks are where the filesystem does not put its tables.
    guard isResize else {
      audit.claims += claims(of: map).map { ($0, number) }
      return
    }
    // It maps the room for more descriptors, which is among the tables.
    let tables = tables()
    let room = map.runs.map { clusters($0.blocks) } + map.own.map { clusters($0..<$0 + 1) }
    let mapped = Runs(room).subtracting(tables)
    guard mapped.ranges.reduce(0, { $0 + $1.count }) <= 1, inode.i_links_count == 1 else {
      throw damaged("inode \(number), the room for growing, maps other blocks")
    }
    audit.claims += mapped.ranges.map { ($0, number) }
  }

  private var firstInode: InodeNumber {
    fs.pointee.super.pointee.s_rev_level == 0 ? 11 : fs.pointee.super.pointee.s_first_ino
  }

  /// The names in a folder: each once, and that of an inode in use.
  private borrowing func examine(
    _ content: FolderContent, of number: InodeNumber, isUsed used: Runs, _ audit: inout Audit
  ) throws(Failure) {
    audit.references[number, default: 0] += 1
    audit.references[content.parent, default: 0] += 1
    audit.above[number] = content.parent
    var names: Set<ByteString> = []
    for entry in content.entries {
      guard names.insert(entry.name).inserted else {
        throw damaged("directory \(number) has the name \(entry.name.quoted) twice")
      }
      guard entry.inode != Self.root, used.contains(UInt64(entry.inode)) else {
        throw damaged("directory \(number) names \(entry.name.quoted) inode \(entry.inode), which is not a file")
      }
      audit.references[entry.inode, default: 0] += 1
      var kind = audit.kinds[entry.inode]
      if kind == nil { kind = FileKind(mode: try inode(entry.inode).i_mode) }
      guard let kind else { throw damaged("inode \(entry.inode) is not a file of any kind") }
      // In a directory that lies in its inode kinds are not looked at.
      if entry.block > 0 || entry.type > 0 || !isInline(number) {
        try examineType(entry.type, is: kind, of: entry.name, in: number)
      }
      guard kind == .directory else { continue }
      guard audit.places.updateValue(number, forKey: entry.inode) == nil else {
        throw damaged("directory \(entry.inode) has two names")
      }
    }
  }

  private borrowing func isInline(_ number: InodeNumber) -> Bool {
    guard let flags = try? inode(number).i_flags else { return false }
    return Int64(flags) & Int64(EXT4_INLINE_DATA_FL) != 0
  }

  private borrowing func examineLinks(_ audit: Audit) throws(Failure) {
    let superblock = fs.pointee.super!
    var own: Set<InodeNumber> = []
    if ext2fs_has_feature_quota(superblock) != 0 { own.insert(superblock.pointee.s_prj_quota_inum) }
    if ext2fs_has_feature_orphan_file(superblock) != 0 { own.insert(superblock.pointee.s_orphan_file_inum) }
    for (number, links) in audit.links.sorted(by: { $0.key < $1.key }) where !own.contains(number) {
      let before = changes.earlier[number]?.links ?? 0
      let isFolder = audit.kinds[number] == .directory
      // More folders than can be counted.
      if isFolder, links == 1 || before == 1, ext2fs_has_feature_dir_nlink(superblock) != 0 { continue }
      let named = before + (audit.references[number] ?? 0)
      guard links == named else { throw damaged("inode \(number) counts \(links) names, and has \(named)") }
    }
    for (number, change) in audit.references where change != 0 && audit.links[number] == nil {
      guard number < firstInode || own.contains(number) else {
        throw damaged("inode \(number) has \(change) more names, and does not count them")
      }
    }
  }

  /// Folders are where they say, and all of them below the root.
  private borrowing func examinePlaces(_ audit: Audit) throws(Failure) {
    var reached: Set<InodeNumber> = [Self.root]
    for (number, content) in audit.folders {
      let parent = content.parent
      if number == Self.root {
        guard parent == number else { throw damaged("the root says that it is in directory \(parent)") }
        continue
      }
      if let before = changes.earlier[number]?.parent {
        guard parent == before else { throw damaged("directory \(number) says that it is in \(parent)") }
        continue
      }
      guard parent != number, audit.places[number] == parent else {
        throw damaged("directory \(number) says that it is in \(parent), which does not name it")
      }
      var (way, place): ([InodeNumber], InodeNumber) = ([], number)
      while reached.insert(place).inserted {
        way.append(place)
        // What was there before leads to the root.
        guard changes.earlier[place]?.parent == nil, let next = audit.above[place] else { break }
        place = next
      }
      guard way.last == place || !way.contains(place) else { throw damaged("directory \(number) is in itself") }
    }
  }

  /// Used are the blocks that were, less what the changed files had, and what they have now; each of these once.
  private borrowing func examineBlocks(_ audit: Audit) throws(Failure) {
    var claims = audit.claims
    var before = changes.tables.ranges + changes.earlier.values.flatMap(\.claims)
    // A block of attributes is that of all files that share it: only where none of the others does it comes and goes.
    var attributesBefore: [UInt64: UInt32] = [:]
    for block in changes.earlier.values.compactMap(\.attributes) { attributesBefore[block, default: 0] += 1 }
    for block in Set(attributesBefore.keys).union(audit.attributes.keys) {
      let now = audit.attributes[block] ?? 0
      let others = Int(changes.attributeUsers[block] ?? 0) - Int(attributesBefore[block] ?? 0)
      let place = clusters(block..<block + 1)
      // Once it is given back it may be anything.
      if Int(now) + others > 0 {
        let counted = try attributeUsers(block)
        guard Int(counted) == Int(now) + others else {
          throw damaged("block \(block) has the attributes of \(Int(now) + others) files, and counts \(counted)")
        }
      }
      guard others <= 0 else { continue }
      if attributesBefore[block] != nil { before.append(place) }
      if now > 0 { claims.append((place, 0)) }
    }
    claims.sort { $0.clusters.lowerBound < $1.clusters.lowerBound }
    for (one, other) in zip(claims, claims.dropFirst()) where one.clusters.upperBound > other.clusters.lowerBound {
      throw damaged("inodes \(one.owner) and \(other.owner) have block \(other.clusters.lowerBound) both")
    }
    let kept = (changes.used ?? Runs()).subtracting(Runs(before))
    let tables = tables()
    let taken = Runs(claims.map(\.clusters))
    for (others, what) in [(tables, "the filesystem's tables"), (kept, "another file's")] {
      guard let both = taken.intersection(others).ranges.first else { continue }
      let owner = claims.first { $0.clusters.overlaps(both) }?.owner ?? 0
      throw damaged("inode \(owner) has block \(both.lowerBound), which is \(what)")
    }
    if let both = tables.subtracting(changes.tables).intersection(kept).ranges.first {
      throw damaged("the filesystem's tables have block \(both.lowerBound), which is a file's")
    }
    let right = kept.union(tables).union(taken)
    let used = try usedClusters()
    if let missing = right.subtracting(used).ranges.first {
      let owner = claims.first { $0.clusters.overlaps(missing) }.map { "inode \($0.owner) has" } ?? "is used"
      throw damaged("block \(missing.lowerBound) is free by the bitmap, and \(owner)")
    }
    if let surplus = used.subtracting(right).ranges.first {
      throw damaged("block \(surplus.lowerBound) is used by the bitmap, and no file has it")
    }
  }

  /// How many files share a block of attributes, as it says itself; 0 where it was given back.
  borrowing func attributeUsers(_ block: UInt64) throws(Failure) -> UInt32 {
    guard ext2fs_test_block_bitmap2(fs.pointee.block_map, block) != 0 else { return 0 }
    var bytes = [UInt8](repeating: 0, count: Int(blockSize))
    let error = io_channel_read_blk64(fs.pointee.io, block, 1, &bytes)
    try device.check(error, "read block \(block)")
    return UInt32(bytes[4]) | UInt32(bytes[5]) << 8 | UInt32(bytes[6]) << 16 | UInt32(bytes[7]) << 24
  }
}
