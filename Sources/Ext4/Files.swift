// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
package import Report

/// The number of a file in its filesystem.
package typealias InodeNumber = UInt32

/// Reading and editing single files. A path is absolute and is resolved inside the filesystem: a symbolic link, also an
/// absolute one, and `..` lead nowhere else, since nothing but libext2fs ever reads them.
extension Filesystem {
  borrowing func inode(_ number: InodeNumber) throws(Failure) -> ext2_inode {
    var inode = ext2_inode()
    let result = ext2fs_read_inode(fs, number, &inode)
    // One whose checksum is wrong stays in the cache in the place of another.
    if result != 0 { ext2fs_flush_icache(fs) }
    try device.check(result, "read inode \(number)")
    return inode
  }

  package borrowing func kind(_ number: InodeNumber) throws(Failure) -> FileKind {
    FileKind(mode: try inode(number).i_mode) ?? .file
  }

  /// The whole content of a regular file.
  ///
  /// - Parameter limit: a file of more bytes is refused: its size is the guest's word.
  package borrowing func read(_ path: ByteString, limit: Int = 1 << 20) throws(Failure) -> [UInt8]? {
    guard let number = try find(path) else { return nil }
    guard try kind(number) == .file else { throw Failure(.guest, "\(path) in the guest is not a regular file") }
    try refuseEncrypted(number, path)
    let size = try attributes(of: number).size
    guard size <= UInt64(limit) else {
      throw Failure(.guest, "\(path) in the guest has \(size) bytes; at most \(limit) are read")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(size))
    try eachPiece(of: number) { piece, _ throws(Failure) in bytes += piece }
    return bytes
  }

  /// Gives a file this content. An existing regular file keeps its owner, its mode and its other names; a missing one is
  /// made, with the directories above it, owned by root. A link that leads nowhere, a device or the like gives way to
  /// the new file.
  package borrowing func write(_ path: ByteString, _ content: [UInt8], mode: UInt16 = 0o644) throws(Failure) {
    try needBitmaps()
    var number = try find(path)
    if let found = number {
      switch try kind(found) {
      case .file: break
      case .directory: throw Failure(.guest, "\(path) in the guest is a directory; it should be a file")
      default: number = nil
      }
    }
    if let number {
      try refuseEncrypted(number, path)
      try setContent(of: number, content, path)
      return
    }
    try remove(path)
    let (parent, name) = try directory(above: path)
    let made = try makeInode(in: parent, mode: FileKind.file.mode | mode)
    try setContent(of: made, content, path)
    try link(made, as: name, in: parent, type: EXT2_FT_REG_FILE)
  }

  /// Gives a regular file this content; all else of it stays.
  package borrowing func rewrite(_ number: InodeNumber, _ content: [UInt8], named path: ByteString) throws(Failure) {
    try needBitmaps()
    try refuseEncrypted(number, path)
    try setContent(of: number, content, path)
  }

  /// Removes a file, a link or a special file; nothing there is fine, a directory is not.
  package borrowing func remove(_ path: ByteString) throws(Failure) {
    guard let (parent, name) = try existingDirectory(above: path) else { return }
    guard let entry = try entry(name, in: parent) else { return }
    let number = entry.inode
    guard try kind(number) != .directory else { throw Failure(.guest, "\(path) in the guest is a directory") }
    try willChange(parent)
    try willChange(number)
    try device.check(ext2fs_unlink(fs, parent, entry.name.cString, number, 0), "remove \(path)")
    var inode = try inode(number)
    if inode.i_links_count > 1 {
      inode.i_links_count -= 1
    } else {
      try freeBlocks(of: number, &inode)
      try device.check(ext2fs_write_inode(fs, number, &inode), "remove \(path)")
      try removeAttributes(of: number)
      inode = try self.inode(number)
      inode.i_links_count = 0
      inode.i_dtime = UInt32(time(nil))
      ext2fs_inode_alloc_stats2(fs, number, -1, 0)
    }
    try device.check(ext2fs_write_inode(fs, number, &inode), "remove \(path)")
  }

  /// Makes a symbolic link, in the place of whatever file or link is there.
  package borrowing func link(_ path: ByteString, to target: ByteString) throws(Failure) {
    try needBitmaps()
    try remove(path)
    let (parent, name) = try directory(above: path)
    _ = try makeLink(to: target, as: name, in: parent)
  }

  /// Makes a directory, with those above it, owned by root; one that is there stays as it is.
  package borrowing func makeDirectory(_ path: ByteString) throws(Failure) {
    try needBitmaps()
    // The directory above something in it.
    _ = try directory(above: "\(path)/.")
  }

  /// What a file has besides its content.
  package struct Attributes: Sendable {
    package var uid: UInt32
    package var gid: UInt32
    /// The low twelve bits: permissions, set-id and sticky.
    package var mode: UInt16
    /// In bytes.
    package var size: UInt64
  }

  package borrowing func attributes(_ number: InodeNumber) throws(Failure) -> Attributes {
    var inode = try inode(number)
    return Attributes(
      uid: cext2fs_inode_uid(&inode), gid: cext2fs_inode_gid(&inode), mode: inode.i_mode & 0o7777,
      size: UInt64(inode.i_size_high) << 32 | UInt64(inode.i_size))
  }

  /// The names in a directory, sorted; none where there is no directory.
  package borrowing func list(_ path: ByteString) throws(Failure) -> [ByteString] {
    guard let number = try find(path), try kind(number) == .directory else { return [] }
    return try entries(of: number).map(\.name)
  }

  package borrowing func setOwnerAndMode(_ path: ByteString, uid: UInt32, gid: UInt32, mode: UInt16) throws(Failure) {
    guard let number = try find(path) else { throw Failure(.guest, "\(path) is missing in the guest") }
    try willChange(number)
    var inode = try inode(number)
    cext2fs_inode_set_owner(&inode, uid, gid)
    inode.i_mode = inode.i_mode & 0o170000 | mode
    try device.check(ext2fs_write_inode(fs, number, &inode), "set the owner of \(path)")
  }

  /// The content of the file is not to be read without its key.
  package borrowing func isEncrypted(_ number: InodeNumber) throws(Failure) -> Bool {
    try inode(number).i_flags & UInt32(EXT4_ENCRYPT_FL) != 0
  }

  /// Nothing but the guest should change the file: it is encrypted, or sealed by fs-verity.
  package borrowing func isProtected(_ number: InodeNumber) throws(Failure) -> Bool {
    try inode(number).i_flags & UInt32(EXT4_ENCRYPT_FL | EXT4_VERITY_FL) != 0
  }

  /// Files of which there are only the encrypted bytes here: nobody should take these for the content, or write others
  /// among them.
  private borrowing func refuseEncrypted(_ number: InodeNumber, _ path: ByteString) throws(Failure) {
    guard try isEncrypted(number) else { return }
    throw Failure(.guest, "\(path) in the guest is encrypted, and can be neither read nor written here")
  }

  /// A file that can be read meanwhile has its old content or the new one, whole, at every moment.
  borrowing func setContent(of number: InodeNumber, _ content: [UInt8], _ path: ByteString) throws(Failure) {
    try willChange(number)
    let old = try holding(number, path) { () throws(Failure) in
      let old = try empty(number, path)
      // A full filesystem can't hold both.
      let isFull = freeBlockCount < (UInt64(content.count) / blockSize + 16) << UInt64(fs.pointee.cluster_ratio_bits)
      if isFull { free(old) }
      var file: ext2_file_t?
      try device.check(ext2fs_file_open(fs, number, EXT2_FILE_WRITE, &file), "open \(path)")
      var written: UInt32 = 0
      let result = content.isEmpty ? 0 : ext2fs_file_write(file, content, UInt32(content.count), &written)
      let closed = ext2fs_file_close(file)
      try device.check(result != 0 ? result : closed, "write \(path)")
      try withLargeInode(number) { cext2fs_inode_set_changed($0, Int64(time(nil))) }
      return isFull ? [] : old
    }
    free(old)
  }

  /// Has what `body` changes in an inode reach the disk at once, behind all else that it writes.
  private borrowing func holding<R>(
    _ number: InodeNumber, _ path: ByteString, _ body: () throws(Failure) -> R
  ) throws(Failure) -> R {
    let (group, index) = (number - 1).quotientAndRemainder(dividingBy: fs.pointee.super.pointee.s_inodes_per_group)
    let block = ext2fs_inode_table_loc(fs, group) + UInt64(index) * inodeSize / blockSize
    func check(_ error: Int32) throws(Failure) {
      if error != 0 { throw device.failure(errcode_t(error), "write \(path)") }
    }
    try check(cext2fs_device_hold(device.device, block * blockSize, Int(blockSize)))
    do throws(Failure) {
      let result = try body()
      try check(cext2fs_device_release(device.device, isShared))
      return result
    } catch {
      cext2fs_device_drop(device.device)
      throw error
    }
  }

  /// Takes all content from a regular file, wherever that is: in blocks, also behind its end as the seal of a sealed file
  /// is (`verity`), or in the inode (`inline_data`), which becomes one with blocks.
  ///
  /// - Returns: the clusters that it had, which are still in use.
  private borrowing func empty(_ number: InodeNumber, _ path: ByteString) throws(Failure) -> [Range<UInt64>] {
    var inode = try examine(number)
    var old: [Range<UInt64>] = []
    let isInline = inode.i_flags & UInt32(EXT4_INLINE_DATA_FL) != 0
    if !isInline {
      old = try clearMap(of: number, &inode)
    } else {
      try device.check(ext2fs_punch(fs, number, &inode, nil, 0, blk64_t.max), "empty \(path)")
      // Content in the inode was an attribute in part: the inode on the disk is another one now.
      inode = try self.inode(number)
    }
    inode.i_flags &= ~UInt32(EXT4_INLINE_DATA_FL | EXT4_VERITY_FL)
    if isInline {
      _ = withUnsafeMutableBytes(of: &inode.i_block) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
      try beginExtents(of: number, &inode)
    }
    try device.check(ext2fs_inode_size_set(fs, &inode, 0), "empty \(path)")
    try device.check(ext2fs_write_inode(fs, number, &inode), "empty \(path)")
    return old
  }

  /// Gives an inode without content the header of an extent tree, where the filesystem has those.
  borrowing func beginExtents(of number: InodeNumber, _ inode: UnsafeMutablePointer<ext2_inode>) throws(Failure) {
    guard ext2fs_has_feature_extents(fs.pointee.super) != 0 else { return }
    var handle: ext2_extent_handle_t?
    try device.check(ext2fs_extent_open2(fs, number, inode, &handle), "begin the extents of inode \(number)")
    ext2fs_extent_free(handle)
  }
}
