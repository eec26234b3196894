// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

extension Filesystem {
  /// Fills the buffer with what is at that offset of a disk, wholly.
  package typealias Source = (UInt64, UnsafeMutableRawBufferPointer) throws(Failure) -> Void
}

/// What an inode says of its file.
package struct FileAttributes: Equatable, Sendable {
  package var kind: FileKind
  /// The low twelve bits of the mode.
  package var permissions: UInt16
  package var links: UInt16
  package var uid: UInt32
  package var gid: UInt32
  /// Of the content in bytes; 0 for a device.
  package var size: UInt64
  /// When the content was changed last, since 1970.
  package var seconds: Int64
  package var nanoseconds: UInt32
  /// Of a device; else 0.
  package var major: UInt32
  package var minor: UInt32
  /// What chattr(1) sets, and what ext4 itself notes.
  package var flags: FileFlags
  /// Of a project quota; else 0.
  package var project: UInt32

  package init(
    kind: FileKind, permissions: UInt16, links: UInt16, uid: UInt32, gid: UInt32, size: UInt64, seconds: Int64,
    nanoseconds: UInt32, major: UInt32, minor: UInt32, flags: FileFlags, project: UInt32
  ) {
    (self.kind, self.permissions, self.links) = (kind, permissions, links)
    (self.uid, self.gid, self.size) = (uid, gid, size)
    (self.seconds, self.nanoseconds) = (seconds, nanoseconds)
    (self.major, self.minor) = (major, minor)
    (self.flags, self.project) = (flags, project)
  }
}

/// The flags of an inode, by their bits on the disk.
package struct FileFlags: OptionSet, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let encrypted = FileFlags(rawValue: UInt32(EXT4_ENCRYPT_FL))
  package static let caseInsensitive = FileFlags(rawValue: UInt32(EXT4_CASEFOLD_FL))
  /// Those that chattr(1) sets on any ext filesystem, whatever its features: s, u, S, i, a, d, A, j, t, D, T.
  package static let ofAdministrator = FileFlags(
    rawValue: [
      EXT2_SECRM_FL, EXT2_UNRM_FL, EXT2_SYNC_FL, EXT2_IMMUTABLE_FL, EXT2_APPEND_FL, EXT2_NODUMP_FL, EXT2_NOATIME_FL,
      EXT3_JOURNAL_DATA_FL, EXT2_NOTAIL_FL, EXT2_DIRSYNC_FL, EXT2_TOPDIR_FL,
    ].reduce(0) { $0 | UInt32($1) })
}

/// A name in a directory.
package struct DirectoryEntry: Equatable, Sendable {
  package var name: ByteString
  package var inode: InodeNumber
}

/// Reading whole trees. The names are the guest's, and not to be trusted when files are made of them.
extension Filesystem {
  package borrowing func attributes(of number: InodeNumber) throws(Failure) -> FileAttributes {
    var large = ext2_inode_large()
    let size = Int32(MemoryLayout<ext2_inode_large>.size)
    try withUnsafeMutablePointer(to: &large) { large throws(Failure) in
      try large.withMemoryRebound(to: ext2_inode.self, capacity: 1) { inode throws(Failure) in
        try device.check(ext2fs_read_inode_full(fs, number, inode, size), "read inode \(number)")
      }
    }
    let kind = try kind(number)
    let (uid, gid) = try owner(of: number)
    let (major, minor) = kind.isDevice ? Self.device(large.i_block.0, large.i_block.1) : (0, 0)
    // Where there is no extra word of a time, seconds have 32 bits: it ends at byte 140, i_extra_isize counts from 128.
    let extra = large.i_extra_isize >= 12 ? large.i_mtime_extra : 0
    return FileAttributes(
      kind: kind, permissions: large.i_mode & 0o7777, links: large.i_links_count, uid: uid, gid: gid,
      size: kind.isDevice ? 0 : UInt64(large.i_size) | (kind == .file ? UInt64(large.i_size_high) << 32 : 0),
      seconds: Int64(Int32(bitPattern: large.i_mtime)) + Int64(extra & 3) << 32,
      nanoseconds: min(extra >> 2, 999_999_999), major: major, minor: minor,
      flags: FileFlags(rawValue: large.i_flags),
      project: ext2fs_has_feature_project(fs.pointee.super) != 0 ? large.i_projid : 0)
  }

  private borrowing func owner(of number: InodeNumber) throws(Failure) -> (uid: UInt32, gid: UInt32) {
    var inode = try inode(number)
    return (cext2fs_inode_uid(&inode), cext2fs_inode_gid(&inode))
  }

  /// As the kernel encodes the number of a device: an old one of 16 bits in the first word, a new one in the second.
  private static func device(_ old: UInt32, _ new: UInt32) -> (major: UInt32, minor: UInt32) {
    if old != 0 { return (old >> 8 & 0xFF, old & 0xFF) }
    return ((new & 0xFFF00) >> 8, new & 0xFF | (new >> 12 & 0xFFF00))
  }

  /// The names in a directory, in the order of their bytes, without `.` and `..`.
  package borrowing func entries(of directory: InodeNumber) throws(Failure) -> [DirectoryEntry] {
    _ = try examine(directory)
    final class Found { var entries: [DirectoryEntry] = [] }
    let found = Found()
    let result = ext2fs_dir_iterate(
      fs, directory, 0, nil,
      { entry, _, _, _, data in
        let length = Int(ext2fs_dirent_name_len(entry))
        let name = withUnsafeBytes(of: &entry!.pointee.name) { ByteString($0.prefix(length)) }
        if name != ".", name != ".." {
          Unmanaged<Found>.fromOpaque(data!).takeUnretainedValue().entries.append(
            DirectoryEntry(name: name, inode: entry!.pointee.inode))
        }
        return 0
      }, Unmanaged.passUnretained(found).toOpaque())
    try device.check(result, "list directory \(directory)")
    for entry in found.entries { _ = try known(entry.inode, "\(entry.name)") }
    return found.entries.sorted { $0.name < $1.name }
  }

  /// Where a symbolic link leads.
  package borrowing func linkTarget(of number: InodeNumber) throws(Failure) -> ByteString {
    var inode = try examine(number)
    if ext2fs_is_fast_symlink(&inode) != 0 {
      return withUnsafeBytes(of: &inode.i_block) { ByteString($0.prefix(Int(inode.i_size))) }
    }
    var target: [UInt8] = []
    try eachPiece(of: number) { bytes, _ throws(Failure) in target += bytes }
    return ByteString(target)
  }

  /// Calls `body` with all of a file's content, in order and in pieces of up to 1 MiB, with the offset of each; holes are
  /// zeros.
  package borrowing func eachPiece(
    of number: InodeNumber, _ body: (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void
  ) throws(Failure) {
    let reader = try contentReader(of: number)
    var offset: UInt64 = 0
    while true {
      let piece = try reader.next()
      guard !piece.isEmpty else { return }
      try body(piece, offset)
      offset += UInt64(piece.count)
    }
  }

  /// A reader of a file's content, which must not outlive the filesystem.
  package borrowing func contentReader(of number: InodeNumber) throws(Failure) -> ContentReader {
    let inode = try examine(number)
    var file: ext2_file_t?
    try device.check(ext2fs_file_open(fs, number, 0, &file), "open inode \(number)")
    return ContentReader(
      file: file, inode: number, size: UInt64(inode.i_size) | UInt64(inode.i_size_high) << 32, device: device)
  }

  /// Where on the disk a file's content begins, in blocks; 0 where it has none. To read many files, do it in this
  /// order.
  package borrowing func firstBlock(of number: InodeNumber) -> UInt64 {
    var block: blk64_t = 0
    return ext2fs_bmap2(fs, number, nil, nil, 0, 0, nil, &block) == 0 ? block : 0
  }
}

/// The content of one file while it is read, from its beginning.
package final class ContentReader {
  private let file: ext2_file_t?
  private let inode: InodeNumber
  private let device: FilesystemDevice
  /// In bytes: what is in an inode itself may be more than the file.
  private let size: UInt64
  private var offset: UInt64 = 0
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)

  fileprivate init(file: ext2_file_t?, inode: InodeNumber, size: UInt64, device: FilesystemDevice) {
    self.size = size
    self.file = file
    self.inode = inode
    self.device = device
  }

  deinit {
    ext2fs_file_close(file)
    buffer.deallocate()
  }

  package func move(to offset: UInt64) throws(Failure) {
    try device.check(ext2fs_file_llseek(file, offset, EXT2_SEEK_SET, nil), "seek in inode \(inode)")
    self.offset = offset
  }

  /// The next 1 MiB, or what is left, or what is wanted; empty at the end. Good until the next call.
  package func next(limit: UInt64 = .max) throws(Failure) -> UnsafeRawBufferPointer {
    var count: UInt32 = 0
    let wanted = UInt32(min(UInt64(buffer.count), limit))
    try device.check(ext2fs_file_read(file, buffer.baseAddress, wanted, &count), "read inode \(inode)")
    let length = Int(min(UInt64(count), size - min(offset, size)))
    offset += UInt64(length)
    return UnsafeRawBufferPointer(rebasing: buffer[..<length])
  }
}
