// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
package import Report

/// What filling a filesystem from an archive needs beyond making nodes.
extension Filesystem {
  /// Owner, permissions and times: last of all that is done to a file, since contents and attributes change its times.
  ///
  /// - Parameters:
  ///   - permissions: the low twelve bits of the mode.
  ///   - seconds: since 1970, together with `nanoseconds` the time of all of the file's time stamps.
  package borrowing func setMetadata(
    _ number: InodeNumber, uid: UInt32, gid: UInt32, permissions: UInt16, seconds: Int64, nanoseconds: UInt32
  ) throws(Failure) {
    try withLargeInode(number) { large in
      large.withMemoryRebound(to: ext2_inode.self, capacity: 1) { inode in
        inode.pointee.i_mode = inode.pointee.i_mode & 0o170000 | permissions & 0o7777
        cext2fs_inode_set_owner(inode, uid, gid)
      }
      cext2fs_inode_set_times(large, seconds, nanoseconds)
    }
  }

  /// Changes an inode with the fields that one of 128 bytes has not.
  borrowing func withLargeInode(
    _ number: InodeNumber, _ body: (UnsafeMutablePointer<ext2_inode_large>) -> Void
  ) throws(Failure) {
    try willChange(number)
    var inode = ext2_inode_large()
    try withUnsafeMutablePointer(to: &inode) { large throws(Failure) in
      let size = Int32(MemoryLayout<ext2_inode_large>.size)
      try large.withMemoryRebound(to: ext2_inode.self, capacity: 1) { inode throws(Failure) in
        try device.check(ext2fs_read_inode_full(fs, number, inode, size), "read inode \(number)")
      }
      body(large)
      try large.withMemoryRebound(to: ext2_inode.self, capacity: 1) { inode throws(Failure) in
        try device.check(ext2fs_write_inode_full(fs, number, inode, size), "write inode \(number)")
      }
    }
  }

  /// The flags that an administrator sets; the others stay.
  package borrowing func setFlags(_ number: InodeNumber, _ flags: FileFlags) throws(Failure) {
    let flags = flags.intersection(.ofAdministrator)
    guard !flags.isEmpty else { return }
    try willChange(number)
    var inode = try inode(number)
    inode.i_flags |= flags.rawValue
    try device.check(ext2fs_write_inode(fs, number, &inode), "set the flags of inode \(number)")
  }

  /// Another name for a file that has one.
  package borrowing func addName(_ name: ByteString, to number: InodeNumber, in parent: InodeNumber) throws(Failure) {
    let kind = try kind(number)
    guard kind != .directory else { throw Failure(.guest, "\(name) names a directory a second time") }
    try willChange(number)
    var inode = try inode(number)
    guard inode.i_links_count < Self.mostLinkedNames else {
      throw Failure(.guest, "\(name) is one name too many: a file has at most \(Self.mostLinkedNames)")
    }
    try link(number, as: name, in: parent, type: kind.entryType)
    inode.i_links_count += 1
    try device.check(ext2fs_write_inode(fs, number, &inode), "count the name \(name)")
  }

  /// EXT4_LINK_MAX of the kernel.
  static var mostLinkedNames: UInt16 { 65000 }

  /// A new regular file whose content `fill` writes.
  package borrowing func makeFile(
    _ name: ByteString, in parent: InodeNumber, fill: (borrowing FileContent) throws(Failure) -> Void
  ) throws(Failure) -> InodeNumber {
    try Self.examine(name)
    let number = try makeInode(in: parent, mode: 0o100600)
    var file: ext2_file_t?
    try device.check(ext2fs_file_open(fs, number, EXT2_FILE_WRITE, &file), "open \(name)")
    let content = FileContent(file: file, name: name, device: device)
    try fill(content)
    try content.close()
    try link(number, as: name, in: parent, type: EXT2_FT_REG_FILE)
    return number
  }
}

/// The content of one file while it is written.
package struct FileContent: ~Copyable {
  private var file: ext2_file_t?
  private let name: ByteString
  private let device: FilesystemDevice

  init(file: ext2_file_t?, name: ByteString, device: FilesystemDevice) {
    self.file = file
    self.name = name
    self.device = device
  }

  deinit {
    if file != nil { ext2fs_file_close(file) }
  }

  /// Writes at `offset`; what is skipped becomes a hole.
  package borrowing func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    try device.check(ext2fs_file_llseek(file, offset, EXT2_SEEK_SET, nil), "seek in \(name)")
    var rest = bytes
    while let base = rest.baseAddress, !rest.isEmpty {
      var written: UInt32 = 0
      try device.check(ext2fs_file_write(file, base, UInt32(clamping: rest.count), &written), "write \(name)")
      rest = UnsafeRawBufferPointer(rebasing: rest[Int(written)...])
    }
  }

  /// Sets the length, for a file that ends in a hole.
  package borrowing func setLength(_ length: UInt64) throws(Failure) {
    try device.check(ext2fs_file_set_size2(file, Int64(length)), "set the length of \(name)")
  }

  consuming func close() throws(Failure) {
    let open = file
    file = nil
    try device.check(ext2fs_file_close(open), "close \(name)")
  }
}
