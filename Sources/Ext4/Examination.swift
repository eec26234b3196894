// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

extension Filesystem {
  /// In bytes: libext2fs writes the length of a longer one into the one byte that it has.
  static var longestName: Int { 255 }
  /// Of where a link leads, in bytes (PATH_MAX).
  static var longestTarget: UInt64 { 4095 }
  /// In bytes; without `large_dir` the kernel ends near ten million names.
  static var largestDirectory: UInt64 { 256 << 20 }

  /// Reads an inode, and refuses what it says of its content where libext2fs would believe it and read or write beyond its
  /// buffers, or without an end.
  ///
  /// - Throws: `.guest`; e2fsck calls some of these filesystems clean.
  borrowing func examine(_ number: InodeNumber) throws(Failure) -> ext2_inode {
    let inode = try inode(number)
    let flags = Int64(inode.i_flags)
    let kind = FileKind(mode: inode.i_mode)
    let size = UInt64(inode.i_size) | (kind == .directory ? 0 : UInt64(inode.i_size_high) << 32)
    func refuse(_ words: String) -> Failure { damaged("inode \(number) \(words)") }
    guard flags & Int64(EXT4_EA_INODE_FL) == 0 else { throw refuse("is that of an attribute, not of a file") }
    if flags & Int64(EXT4_INLINE_DATA_FL) != 0 {
      guard ext2fs_has_feature_inline_data(fs.pointee.super) != 0,
        [.file, .directory, .symbolicLink].contains(kind)
      else { throw refuse("can't have its content in itself") }
      let room = 60 + (try inlineTail(of: number))
      guard size <= room, kind != .directory || size == room else {
        throw refuse("has \(size) bytes in itself, where there are \(room)")
      }
      return inode
    }
    if flags & Int64(EXT4_EXTENTS_FL) != 0 {
      let (magic, entries, most, depth) = withUnsafeBytes(of: inode.i_block) { block in
        (
          block.loadUnaligned(as: UInt16.self), block.loadUnaligned(fromByteOffset: 2, as: UInt16.self),
          block.loadUnaligned(fromByteOffset: 4, as: UInt16.self),
          block.loadUnaligned(fromByteOffset: 6, as: UInt16.self)
        )
      }
      guard magic == 0xF30A, entries <= most, most <= 4, depth <= 5 else { throw refuse("has no sound extents") }
    }
    switch kind {
    case .symbolicLink:
      guard size > 0, size <= Self.longestTarget, size < blockSize || flags & Int64(EXT4_ENCRYPT_FL) != 0 else {
        throw refuse("is a link of \(size) bytes")
      }
    case .directory:
      guard size <= Self.largestDirectory else { throw refuse("is a directory of \(size) bytes") }
    case .file:
      guard size / blockSize < UInt64(UInt32.max) else { throw refuse("is a file of \(size) bytes") }
    default: break
    }
    return inode
  }

  /// How many bytes of a file that has its content in itself are in the attribute `system.data`.
  private borrowing func inlineTail(of number: InodeNumber) throws(Failure) -> UInt64 {
    let (inside, block) = try attributeEntries(of: number)
    func isData(_ entry: AttributeEntry) -> Bool { entry.index == 7 && entry.name == "data" }
    guard !block.contains(where: isData) else {
      throw damaged("inode \(number) has its content in a block of attributes")
    }
    guard let data = inside.first(where: isData) else { return 0 }
    guard data.inode == 0 else { throw damaged("inode \(number) has its content in another inode") }
    return UInt64(data.size)
  }
}
