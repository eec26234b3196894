// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

/// A directory as it stands on the disk.
struct FolderContent {
  struct Entry {
    let name: ByteString
    let inode: InodeNumber
    /// EXT2_FT_…; 0 where the filesystem has none.
    let type: UInt8
    /// In the directory.
    let block: UInt64
  }

  /// The inode that `..` names.
  var parent: InodeNumber
  /// Without `.` and `..`.
  var entries: [Entry] = []
}

extension Filesystem {
  /// All of a directory, of which every record is sound.
  borrowing func folder(
    _ number: InodeNumber, _ inode: ext2_inode, _ map: BlockMap
  ) throws(Failure) -> FolderContent {
    func refuse(_ words: String) -> Failure { damaged("directory \(number) \(words)") }
    if Int64(inode.i_flags) & Int64(EXT4_INLINE_DATA_FL) != 0 {
      let found = try entries(of: number)
      return FolderContent(
        parent: inode.i_block.0, entries: found.map { .init(name: $0.name, inode: $0.inode, type: 0, block: 0) })
    }
    let size = UInt64(inode.i_size)
    guard size > 0, size % blockSize == 0, size / blockSize == map.end, size <= Self.largestDirectory else {
      throw refuse("has \(size) bytes and \(map.end) blocks")
    }
    var content = FolderContent(parent: 0)
    var block = [UInt8](repeating: 0, count: Int(blockSize))
    for logical in 0..<map.end {
      guard let place = map.block(logical) else { throw refuse("has a hole") }
      try device.check(ext2fs_read_dir_block4(fs, place, &block, 0, number), "read directory \(number)")
      var offset = 0
      var count = 0
      while offset < block.count {
        func word(_ place: Int, _ width: Int) -> Int {
          block[(offset + place)..<(offset + place + width)].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        guard offset + 12 <= block.count else { throw refuse("has a record at byte \(offset) that does not fit") }
        // 64 KiB do not fit into 16 bits.
        let length = block.count >= 65536 && word(4, 2) >= 65535 ? block.count : word(4, 2)
        let nameLength = word(6, 1)
        guard length >= 12, length % 4 == 0, offset + length <= block.count, nameLength + 8 <= length else {
          throw refuse("has a record of \(length) bytes at byte \(offset)")
        }
        let target = InodeNumber(word(0, 4))
        let name = ByteString(block[(offset + 8)..<(offset + 8 + nameLength)])
        if logical == 0, count < 2 {
          let isLast = count == 1
          guard name == (isLast ? ".." : "."), target != 0, isLast || target == number, isLast || length == 12,
            block[offset + 8 + nameLength] == 0
          else { throw refuse("does not begin with . and ..") }
          try examineType(UInt8(word(7, 1)), is: .directory, of: name, in: number)
          if isLast { content.parent = target }
        } else if target != 0 {
          guard !name.isEmpty, name != ".", name != "..",
            Int64(inode.i_flags) & Int64(EXT4_ENCRYPT_FL) != 0 || !(name.contains("/") || name.contains("\0"))
          else { throw refuse("has the name \(name.quoted)") }
          content.entries.append(
            .init(name: name, inode: try known(target, "\(name)"), type: UInt8(word(7, 1)), block: logical))
        }
        count += 1
        offset += length
      }
      guard logical > 0 || count >= 2 else { throw refuse("does not begin with . and ..") }
    }
    return content
  }

  borrowing func examineType(
    _ type: UInt8, is kind: FileKind, of name: ByteString, in folder: InodeNumber
  ) throws(Failure) {
    let right = ext2fs_has_feature_filetype(fs.pointee.super) != 0 ? UInt8(kind.entryType) : 0
    guard type == right else {
      throw damaged("directory \(folder) calls \(name.quoted) a file of kind \(type), not \(right)")
    }
  }

  /// Refuses an index that does not lead to each block of its directory once, and to each name by its hash.
  borrowing func examineIndex(
    of number: InodeNumber, _ inode: ext2_inode, _ map: BlockMap, _ content: FolderContent
  ) throws(Failure) {
    func refuse(_ words: String) -> Failure { damaged("the index of directory \(number) \(words)") }
    let superblock = fs.pointee.super!
    guard ext2fs_has_feature_dir_index(superblock) != 0 else { throw refuse("is not a feature of the filesystem") }
    var block = [UInt8](repeating: 0, count: Int(blockSize))
    func read(_ logical: UInt64) throws(Failure) {
      guard let place = map.block(logical) else { throw refuse("leads to block \(logical)") }
      try device.check(ext2fs_read_dir_block4(fs, place, &block, 0, number), "read directory \(number)")
    }
    func word(_ place: Int, _ width: Int) -> Int {
      block[place..<place + width].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    try read(0)
    let (version, levels) = (block[28], Int(block[30]))
    let most = ext2fs_has_feature_largedir(superblock) != 0 ? 2 : 1
    guard word(24, 4) == 0, version <= 2 || version == 6, block[29] == 8, block[31] & 1 == 0, levels <= most else {
      throw refuse("has a root that is not sound")
    }
    let tail = ext2fs_has_feature_metadata_csum(superblock) != 0 ? 8 : 0
    // By leaf, the hashes that it has.
    var leaves: [UInt64: ClosedRange<UInt32>] = [:]
    var nodes: Set<UInt64> = [0]
    var waiting: [(block: UInt64, level: Int, hashes: ClosedRange<UInt32>)] = [(0, 0, 0...UInt32.max - 1)]
    while let node = waiting.popLast() {
      try read(node.block)
      let start = node.block == 0 ? 32 : 8
      let (limit, count) = (word(start, 2), word(start + 2, 2))
      let room = (block.count - start - tail) / 8
      guard count >= 1, count <= limit, limit == room else {
        throw refuse("has \(count) of \(limit) entries in block \(node.block), which has room for \(room)")
      }
      var begin = node.hashes.lowerBound
      for index in 0..<count {
        let child = UInt64(word(start + 8 * index + 4, 4) & 0x0FFF_FFFF)
        let end = index + 1 < count ? UInt32(word(start + 8 * index + 8, 4)) & ~1 : node.hashes.upperBound
        guard end >= begin else { throw refuse("is in disorder in block \(node.block)") }
        let isNew = leaves[child] == nil && !nodes.contains(child)
        guard isNew, child < map.end else { throw refuse("leads to block \(child) twice, or out of it") }
        if node.level < levels {
          nodes.insert(child)
          waiting.append((child, node.level + 1, begin...end))
        } else {
          leaves[child] = begin...end
        }
        begin = end
      }
    }
    guard UInt64(leaves.count + nodes.count) == map.end else { throw refuse("does not lead to all of its blocks") }
    // Of encrypted names that ignore case only the guest knows the hashes.
    guard version != 6 else { return }
    let isUnsigned = superblock.pointee.s_flags & UInt32(EXT2_FLAGS_UNSIGNED_HASH) != 0
    let folds = Int64(inode.i_flags) & Int64(EXT4_CASEFOLD_FL) != 0
    for entry in content.entries {
      guard let hashes = leaves[entry.block] else { throw refuse("does not lead to \(entry.name.quoted)") }
      var hash: ext2_dirhash_t = 0
      let result = withUnsafePointer(to: &superblock.pointee.s_hash_seed) { seed in
        seed.withMemoryRebound(to: UInt32.self, capacity: 4) { seed in
          ext2fs_dirhash2(
            Int32(version) + (isUnsigned ? 3 : 0), entry.name.cString, Int32(entry.name.bytes.count),
            folds ? fs.pointee.encoding : nil, folds ? EXT4_CASEFOLD_FL : 0, seed, &hash, nil)
        }
      }
      try device.check(result, "find the hash of \(entry.name)")
      guard hashes.contains(hash) else { throw refuse("leads to \(entry.name.quoted) by a wrong hash") }
    }
  }
}
