// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Glibc
package import Report

/// Making inodes and naming them: what editing single files and filling a new filesystem share.
extension Filesystem {
  package static var root: InodeNumber { InodeNumber(EXT2_ROOT_INO) }

  /// The directory that holds `path`, made with those above it where it is missing, and the last name.
  package borrowing func directory(above path: ByteString) throws(Failure) -> (InodeNumber, ByteString) {
    var parts = path.split(separator: "/")
    guard let name = parts.popLast() else { throw Failure(.guest, "there is no file name in \(path.quoted)") }
    var directory = Self.root
    var walked: ByteString = ""
    for part in parts {
      walked = "\(walked)/\(part)"
      if let next = try find(walked) {
        guard try kind(next) == .directory else { throw Failure(.guest, "\(walked) in the guest is not a directory") }
        directory = next
      } else {
        // A link that leads nowhere: its place can't be taken without removing it.
        try remove(walked)
        directory = try makeDirectory(part, in: directory, mode: 0o755)
      }
    }
    return (directory, name)
  }

  /// The same where nothing is made; nil where a directory is missing.
  borrowing func existingDirectory(above path: ByteString) throws(Failure) -> (InodeNumber, ByteString)? {
    var parts = path.split(separator: "/")
    guard let name = parts.popLast() else { throw Failure(.guest, "there is no file name in \(path.quoted)") }
    guard let directory = try find("/" + parts.joined(separator: "/")), try kind(directory) == .directory else {
      return nil
    }
    return (directory, name)
  }

  /// A new inode without a name, owned by root.
  package borrowing func makeInode(in parent: InodeNumber, mode: UInt16) throws(Failure) -> InodeNumber {
    var number: ext2_ino_t = 0
    try device.check(ext2fs_new_inode(fs, parent, Int32(mode), nil, &number), "find a free inode")
    var inode = ext2_inode_large()
    let now = UInt32(time(nil))
    inode.i_mode = mode
    inode.i_links_count = 1
    (inode.i_atime, inode.i_ctime, inode.i_mtime) = (now, now, now)
    inode.i_extra_isize = UInt16(MemoryLayout<ext2_inode_large>.size - Int(EXT2_GOOD_OLD_INODE_SIZE))
    ext2fs_inode_alloc_stats2(fs, number, +1, FileKind(mode: mode) == .directory ? 1 : 0)
    try withUnsafeMutablePointer(to: &inode) { large throws(Failure) in
      try large.withMemoryRebound(to: ext2_inode.self, capacity: 1) { inode throws(Failure) in
        if FileKind(mode: mode) == .file { try beginExtents(of: number, inode) }
        try device.check(ext2fs_write_new_inode(fs, number, inode), "write inode \(number)")
      }
    }
    return number
  }

  /// Gives an inode a name; the directory gets another block where it is full. Does not count the link.
  package borrowing func link(
    _ number: InodeNumber, as name: ByteString, in parent: InodeNumber, type: Int32
  ) throws(Failure) {
    try Self.examine(name)
    try willChange(parent)
    let flags = try inode(parent).i_flags
    guard flags & UInt32(EXT4_ENCRYPT_FL) == 0 else {
      throw Failure(
        .guest, "\(name) would be in an encrypted directory of the guest, whose names only the guest can write")
    }
    // An index gets its own blocks, until it is full too.
    let isIndexed = flags & UInt32(EXT2_INDEX_FL) != 0
    func add() throws(Failure) -> Bool {
      if changes.isWhole, !isIndexed { return try append(name, number, type, to: parent) }
      let result = ext2fs_link(fs, parent, name.cString, number, type)
      if result == EXT2_ET_DIR_NO_SPACE, !isIndexed { return false }
      try device.check(result, "name \(name)")
      return true
    }
    if try add() { return }
    try device.check(ext2fs_expand_dir(fs, parent), "enlarge the directory of \(name)")
    guard try add() else { throw device.failure(EXT2_ET_DIR_NO_SPACE, "name \(name)") }
  }

  /// Before an inode is taken for it.
  static func examine(_ name: ByteString) throws(Failure) {
    guard name.bytes.count <= longestName else {
      throw Failure(
        .guest,
        "the name \(Words.printable(name)) has \(name.bytes.count) bytes; a file's name has at most \(longestName)")
    }
    guard !name.isEmpty, !name.contains("\0"), !name.contains("/"), name != ".", name != ".." else {
      throw Failure(.guest, "\(name.quoted) is not a name that a file can have")
    }
  }

  package borrowing func makeDirectory(
    _ name: ByteString, in parent: InodeNumber, mode: UInt16
  ) throws(Failure) -> InodeNumber {
    try Self.examine(name)
    // libext2fs counts the folders in one by 16 bits, and begins anew behind them; 1 stands for more than can be counted.
    guard try (2..<Self.mostLinkedNames).contains(inode(parent).i_links_count) else {
      throw Failure(
        .guest, "\(name) is one folder too many: a folder has at most \(Self.mostLinkedNames - 2) folders in it")
    }
    var number: ext2_ino_t = 0
    try device.check(ext2fs_new_inode(fs, parent, 0o040755, nil, &number), "find a free inode")
    try willChange(parent)
    try device.check(ext2fs_mkdir(fs, parent, number, nil), "make the directory \(name)")
    try link(number, as: name, in: parent, type: EXT2_FT_DIR)
    var inode = try inode(number)
    inode.i_mode = 0o040000 | mode & 0o7777
    try device.check(ext2fs_write_inode(fs, number, &inode), "make the directory \(name)")
    return number
  }

  package borrowing func makeLink(
    to target: ByteString, as name: ByteString, in parent: InodeNumber
  ) throws(Failure) -> InodeNumber {
    try Self.examine(name)
    let longest = min(Self.longestTarget, blockSize - 1)
    guard !target.isEmpty, !target.contains("\0"), target.bytes.count <= longest else {
      throw Failure(
        .guest, "the link \(name) leads to \(Words.printable(target)); that is not a path of 1 to \(longest) bytes")
    }
    var number: ext2_ino_t = 0
    try device.check(ext2fs_new_inode(fs, parent, 0o120777, nil, &number), "find a free inode")
    try device.check(ext2fs_symlink(fs, parent, number, nil, target.cString), "make the link \(name)")
    try link(number, as: name, in: parent, type: EXT2_FT_SYMLINK)
    return number
  }

  package borrowing func makeSpecial(
    _ kind: FileKind, major: UInt32, minor: UInt32, as name: ByteString, in parent: InodeNumber
  ) throws(Failure) -> InodeNumber {
    try Self.examine(name)
    let number = try makeInode(in: parent, mode: kind.mode)
    if kind.isDevice {
      var inode = try inode(number)
      cext2fs_inode_set_device(&inode, major, minor)
      try device.check(ext2fs_write_inode(fs, number, &inode), "make the device \(name)")
    }
    try link(number, as: name, in: parent, type: kind.entryType)
    return number
  }
}

extension FileKind {
  /// What a directory says of an entry of this kind (`EXT2_FT_…`).
  var entryType: Int32 {
    switch self {
    case .file: EXT2_FT_REG_FILE
    case .directory: EXT2_FT_DIR
    case .symbolicLink: EXT2_FT_SYMLINK
    case .characterDevice: EXT2_FT_CHRDEV
    case .blockDevice: EXT2_FT_BLKDEV
    case .pipe: EXT2_FT_FIFO
    case .socket: EXT2_FT_SOCK
    }
  }
}
