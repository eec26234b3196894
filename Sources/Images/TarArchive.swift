// SPDX-License-Identifier: Apache-2.0
internal import CArchive
internal import Ext4
internal import Glibc
internal import Report

/// One entry of an archive: what it is, not what it holds.
struct TarEntry {
  /// Without `./` or `/` before it and without empty parts; empty for the root itself.
  var path: ByteString
  var kind: FileKind
  /// The path of an earlier entry that this one is another name of.
  var hardLink: ByteString?
  /// Where a symbolic link leads.
  var target: ByteString
  var uid: UInt32
  var gid: UInt32
  var permissions: UInt16
  var seconds: Int64
  var nanoseconds: UInt32
  var length: TarLength
  var major: UInt32
  var minor: UInt32
  var attributes: [ExtendedAttribute]
  var lists: [AccessControlList]
}

/// How long the content of an entry is, and how much of that is there: the rest is holes.
struct TarLength {
  /// In bytes, with the holes.
  var size: UInt64 = 0
  /// In bytes, without them.
  var data: UInt64 = 0
  /// In how many places that lies; 0 where all of it is there.
  var places: UInt64 = 0
}

extension TarLength {
  fileprivate init(of entry: OpaquePointer) {
    size = UInt64(max(0, archive_entry_size(entry)))
    data = size
    guard archive_entry_sparse_reset(entry) > 0 else { return }
    data = 0
    var (offset, length): (Int64, Int64) = (0, 0)
    while archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK {
      // None lies over another one, or behind the end.
      data = min(size, data.saturatingAdding(UInt64(max(0, length))))
      places += 1
    }
  }
}

/// A tar archive, read from its beginning by libarchive.
///
/// The process is in the locale C, and has to stay there: in another one libarchive makes other characters of a name in a
/// pax header (of a letter and its accent the letter with the accent), where in this one it gives up, and hands out the
/// bytes.
struct TarArchive: ~Copyable {
  private let archive: OpaquePointer
  private let name: String
  /// Where the archive comes from, unless it is a file.
  private let stream: TarStream?

  /// Opens a file, compressed or not.
  init(_ path: String) throws(Failure) {
    try self.init(path, nil) { archive in
      archive_read_support_filter_all(archive)
      return archive_read_open_filename(archive, path, 1 << 20)
    }
  }

  /// Reads a stream.
  ///
  /// - Parameters:
  ///   - packings: how it may be packed; it is unpacked in this process.
  ///   - mayBeEmpty: whether no bytes are an archive without entries, as a layer of an image may be; tar(1) ends each with zeros.
  ///   - read: puts the next bytes into the buffer; 0 only at the end.
  init(
    _ name: String, packings: [PackedStream] = [], mayBeEmpty: Bool = false, read: @escaping TarStream.Read
  ) throws(Failure) {
    let stream = TarStream(read)
    try self.init(name, stream) { archive in
      if mayBeEmpty { archive_read_support_format_empty(archive) }
      for packing in packings where packing.support(archive) != ARCHIVE_OK { return ARCHIVE_FATAL }
      return stream.open(archive)
    }
  }

  private init(_ name: String, _ stream: TarStream?, _ open: (OpaquePointer) -> Int32) throws(Failure) {
    guard let archive = archive_read_new() else { throw Failure(.io, "cannot begin to read \(name): no memory") }
    archive_read_support_format_tar(archive)
    guard open(archive) >= ARCHIVE_WARN else {
      let failure = stream?.failure ?? Self.failure(archive, name)
      archive_read_free(archive)
      throw failure
    }
    self.archive = archive
    self.name = name
    self.stream = stream
  }

  deinit {
    archive_read_free(archive)
  }

  /// The next entry; nil at the end.
  borrowing func next() throws(Failure) -> TarEntry? {
    var entry: OpaquePointer?
    let result = archive_read_next_header(archive, &entry)
    if result == ARCHIVE_EOF { return nil }
    try check(result)
    guard let entry else { throw Self.failure(archive, name) }
    guard let rawPath = archive_entry_pathname(entry) else {
      throw Failure(.guest, "an entry of \(name) has a name that can't be read")
    }
    let path = try normal(ByteString(cString: rawPath))
    let kind = FileKind(mode: archive_entry_filetype(entry)) ?? .file
    guard !path.isEmpty || kind == .directory else {
      throw Failure(.guest, "the root of the guest is not a folder in \(name): its entry is another kind of file")
    }
    let hardLink = archive_entry_hardlink(entry).map { ByteString(cString: $0) }
    let lists = try accessControlLists(of: entry, path)
    var permissions = UInt16(archive_entry_perm(entry) & 0o7777)
    // libarchive has put the owning group's own entry there.
    if let group = lists.first(where: { $0.attribute == "system.posix_acl_access" })?.groupPermissions {
      permissions = permissions & ~0o070 | group << 3
    }
    return TarEntry(
      path: path,
      kind: kind,
      hardLink: try hardLink.map { path throws(Failure) in try normal(path) },
      target: archive_entry_symlink(entry).map { ByteString(cString: $0) } ?? "",
      uid: UInt32(truncatingIfNeeded: archive_entry_uid(entry)),
      gid: UInt32(truncatingIfNeeded: archive_entry_gid(entry)),
      permissions: permissions,
      seconds: Int64(archive_entry_mtime(entry)),
      nanoseconds: UInt32(archive_entry_mtime_nsec(entry)),
      length: hardLink == nil ? TarLength(of: entry) : TarLength(),
      major: UInt32(truncatingIfNeeded: archive_entry_rdevmajor(entry)),
      minor: UInt32(truncatingIfNeeded: archive_entry_rdevminor(entry)),
      attributes: attributes(of: entry),
      lists: lists)
  }

  /// The content of the entry that `next` gave last, block by block; what lies between the blocks is a hole.
  borrowing func eachBlock(
    _ body: (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void
  ) throws(Failure) {
    try Images.eachBlock(of: archive, { result throws(Failure) in try check(result) }, body)
  }

  /// The beginnings of names that files of Linux can have on ext. What other systems and filesystems have, such as
  /// `com.apple.provenance` and `btrfs.compression`, stays away.
  private static let spaces: [ByteString] = ["user.", "trusted.", "security.", "system.posix_acl_"]

  private func attributes(of entry: OpaquePointer) -> [ExtendedAttribute] {
    var attributes: [ExtendedAttribute] = []
    archive_entry_xattr_reset(entry)
    var attribute: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size = 0
    while archive_entry_xattr_next(entry, &attribute, &value, &size) == ARCHIVE_OK {
      guard let attribute else { continue }
      let name = ByteString(cString: attribute)
      guard Self.spaces.contains(where: name.hasPrefix) else { continue }
      attributes.append(
        ExtendedAttribute(name: name, value: Array(UnsafeRawBufferPointer(start: value, count: size))))
    }
    return attributes
  }

  private func accessControlLists(
    of entry: OpaquePointer, _ path: ByteString
  ) throws(Failure) -> [AccessControlList] {
    var lists: [AccessControlList] = []
    for (wanted, attribute) in [
      (ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access"),
      (ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default"),
    ] as [(Int32, ByteString)] where archive_entry_acl_reset(entry, wanted) > 0 {
      var entries: [AccessControlList.Entry] = []
      var (type, permissions, tag, id): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
      var name: UnsafePointer<CChar>?
      while archive_entry_acl_next(entry, wanted, &type, &permissions, &tag, &id, &name) == ARCHIVE_OK {
        guard let known = Self.tag(tag) else { continue }
        guard id >= 0 || name != nil || (known != .user && known != .group) else {
          throw Failure(
            .guest, "the access control list of /\(path) in \(self.name) names an account that is not ASCII",
            remedy: "make the tar with --numeric-owner")
        }
        entries.append(
          AccessControlList.Entry(
            tag: known, permissions: UInt16(permissions & 7), id: id >= 0 ? UInt32(id) : nil,
            name: name.map { String(cString: $0) } ?? ""))
      }
      // Three entries for access say no more than the mode.
      guard wanted == ARCHIVE_ENTRY_ACL_TYPE_DEFAULT || entries.count > 3 else { continue }
      lists.append(AccessControlList(attribute: attribute, entries: entries))
    }
    return lists
  }

  private static func tag(_ tag: Int32) -> AccessControlList.Entry.Tag? {
    switch tag {
    case ARCHIVE_ENTRY_ACL_USER_OBJ: .userObject
    case ARCHIVE_ENTRY_ACL_USER: .user
    case ARCHIVE_ENTRY_ACL_GROUP_OBJ: .groupObject
    case ARCHIVE_ENTRY_ACL_GROUP: .group
    case ARCHIVE_ENTRY_ACL_MASK: .mask
    case ARCHIVE_ENTRY_ACL_OTHER: .other
    default: nil
    }
  }

  private func normal(_ path: ByteString) throws(Failure) -> ByteString {
    let parts = path.split(separator: "/").filter { $0 != "." }
    guard !parts.contains("..") else {
      throw Failure(.guest, "the entry \(path.quoted) of \(name) leads out of the guest")
    }
    return parts.joined(separator: "/")
  }

  private func check(_ result: Int32) throws(Failure) {
    // A name that is not ASCII is a warning of that number; any other says that something of the entry is lost.
    guard result < ARCHIVE_WARN || result == ARCHIVE_WARN && archive_errno(archive) != EILSEQ else { return }
    throw stream?.failure ?? Self.failure(archive, name)
  }

  private static func failure(_ archive: OpaquePointer, _ name: String) -> Failure {
    Failure(.guest, "cannot read the archive \(name): \(archiveWords(archive))")
  }
}

/// A stream as libarchive reads one.
final class TarStream {
  typealias Read = (UnsafeMutableRawBufferPointer) throws(Failure) -> Int

  private let read: Read
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
  /// Why the stream could not be read: libarchive knows only that it could not.
  private(set) var failure: Failure?

  init(_ read: @escaping Read) {
    self.read = read
  }

  deinit {
    buffer.deallocate()
  }

  /// Has an archive read this stream, for as long as that lives.
  func open(_ archive: OpaquePointer) -> Int32 {
    archive_read_open(
      archive, Unmanaged.passUnretained(self).toOpaque(), nil,
      { archive, data, bytes in
        Unmanaged<TarStream>.fromOpaque(data!).takeUnretainedValue().next(of: archive, &bytes!.pointee)
      }, nil)
  }

  private func next(of archive: OpaquePointer?, _ bytes: inout UnsafeRawPointer?) -> Int {
    bytes = UnsafeRawPointer(buffer.baseAddress)
    do throws(Failure) {
      return try read(buffer)
    } catch {
      failure = error
      return Int(ARCHIVE_FATAL)
    }
  }
}
