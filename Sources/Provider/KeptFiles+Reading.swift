// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Inspection
internal import LinuxIO
internal import Report
internal import Storage

extension KeptFiles {
  /// Finds what the patterns name, and looks whether it can be kept at all.
  ///
  /// - Parameter patterns: absolute paths, with `*` and `?` in their last part only.
  func find(_ patterns: [ByteString], in filesystem: borrowing Filesystem) throws(Failure) {
    var search = Search(walk: GuestWalk(root: Filesystem.root))
    for pattern in patterns { try find(pattern, in: filesystem, &search) }
    for index in files.indices where files[index].first == nil && files[index].file.attributes.kind == .file {
      files[index].pieces = try filesystem.dataRanges(of: files[index].file.inode)
    }
  }

  /// Copies the contents into the spool.
  func copy(from filesystem: borrowing Filesystem, inFolder folder: String, _ progress: StepProgress) throws(Failure) {
    try refuseWithoutRoom(bytes, in: folder)
    progress.expect(bytes)
    for file in files where !file.pieces.isEmpty {
      var written: UInt64 = 0
      try filesystem.eachPiece(of: file.file.inode, in: file.pieces) { piece, _ throws(Failure) in
        try spool.writeAll(piece)
        written += UInt64(piece.count)
        progress.advance(by: UInt64(piece.count))
      }
      guard written == file.bytes else { throw Self.failure(file.path, "ends too early: the filesystem is damaged") }
    }
  }

  /// What was found already.
  private struct Search {
    /// By folder and name: two patterns can lead to one file.
    var places: Set<Place> = []
    /// The first name of a file that has more, by its inode.
    var first: [InodeNumber: Int] = [:]
    var walk: GuestWalk

    struct Place: Hashable {
      let folder: InodeNumber
      let name: ByteString
    }
  }

  private func find(
    _ pattern: ByteString, in filesystem: borrowing Filesystem, _ search: inout Search
  ) throws(Failure) {
    var parts = pattern.split(separator: "/")
    guard let name = parts.popLast() else { return }
    let folder: ByteString = parts.isEmpty ? "" : "/\(parts.joined(separator: "/"))"
    guard let parent = try filesystem.find(folder.isEmpty ? "/" : folder),
      try filesystem.kind(parent) == .directory
    else { return }
    for entry in try filesystem.entries(of: parent) where entry.name.matches(name) {
      try keep(entry, in: parent, "\(folder)/\(entry.name)", of: filesystem, &search, depth: 0)
    }
  }

  private func keep(
    _ entry: DirectoryEntry, in folder: InodeNumber, _ path: ByteString, of filesystem: borrowing Filesystem,
    _ search: inout Search, depth: Int
  ) throws(Failure) {
    guard search.places.insert(.init(folder: folder, name: entry.name)).inserted else { return }
    // The root's own folder of what e2fsck finds is the filesystem's.
    if folder == Filesystem.root, entry.name == "lost+found" { return }
    let file = try filesystem.guestFile(entry.inode, path: path)
    let attributes = try filesystem.extendedAttributes(of: entry.inode)
    try refuse(file)
    guard files.count < Self.countLimit else {
      throw Self.failure(path, "is one file too many: \(Self.countLimit) can be kept")
    }
    var kept = KeptFile(path: path, file: file, extendedAttributes: attributes, isNamed: depth == 0)
    if file.attributes.kind != .directory, file.attributes.links > 1 {
      kept.first = search.first[entry.inode]
      if kept.first == nil { search.first[entry.inode] = files.count }
    }
    files.append(kept)
    guard file.attributes.kind == .directory else { return }
    try search.walk.enter(file, depth: depth)
    for next in try filesystem.entries(of: entry.inode) {
      try keep(next, in: entry.inode, "\(path)/\(next.name)", of: filesystem, &search, depth: depth + 1)
    }
  }

  /// What would not be in the new filesystem as it is in the old one.
  private func refuse(_ file: GuestFile) throws(Failure) {
    let name = file.path.split(separator: "/").last ?? ""
    guard !name.contains("\0"), name != ".", name != "..", file.path.bytes.last != UInt8(ascii: "/") else {
      throw Self.failure(file.path, "has a name that no file can have: the filesystem is damaged")
    }
    if file.attributes.flags.contains(.encrypted) {
      throw Self.failure(file.path, "is encrypted, with a key that only the guest has")
    }
    if file.attributes.flags.contains(.caseInsensitive) {
      throw Self.failure(file.path, "is a folder for names in upper and lower case alike, which the new guest has not")
    }
    if file.attributes.project != 0 {
      throw Self.failure(
        file.path, "belongs to the project \(file.attributes.project) of a quota, which the new guest has not")
    }
  }

  private func refuseWithoutRoom(_ needed: UInt64, in folder: String) throws(Failure) {
    let free = try spool.freeBytes()
    guard free > needed else {
      throw Failure(
        .space,
        "\(folder) has \(Words.bytes(free)) free, and what is kept of the guest takes \(Words.bytes(needed))",
        remedy: "make room, or name another folder in TMPDIR; nothing was changed")
    }
  }
}

extension ByteString {
  /// Whether a pattern with `*` and `?` is all of the name. As in a shell, what begins with a dot is found by a dot only, and
  /// a character is one of UTF-8, or a byte that is not one.
  func matches(_ pattern: ByteString) -> Bool {
    if hasPrefix("."), !pattern.hasPrefix(".") { return false }
    return Self.matches(
      String(argument: bytes).unicodeScalars[...], String(argument: pattern.bytes).unicodeScalars[...])
  }

  private static func matches(
    _ name: Substring.UnicodeScalarView, _ pattern: Substring.UnicodeScalarView
  ) -> Bool {
    var (name, pattern) = (name, pattern)
    // Where to go on when the last star has to take one more.
    var retry: (name: Substring.UnicodeScalarView, pattern: Substring.UnicodeScalarView)?
    while true {
      if let wanted = pattern.first, wanted == "*" {
        pattern.removeFirst()
        retry = (name, pattern)
      } else if let wanted = pattern.first, let found = name.first, wanted == "?" || wanted == found {
        pattern.removeFirst()
        name.removeFirst()
      } else if pattern.isEmpty, name.isEmpty {
        return true
      } else if let last = retry, !last.name.isEmpty {
        name = last.name.dropFirst()
        pattern = last.pattern
        retry = (name, pattern)
      } else {
        return false
      }
    }
  }
}
