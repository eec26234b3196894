// SPDX-License-Identifier: Apache-2.0
package import Ext4
package import Report

extension Filesystem {
  /// Writes the root filesystem that a tar holds into this new filesystem; returns how many entries there were.
  ///
  /// - Parameters:
  ///   - name: what the stream is in a message.
  ///   - read: puts the next bytes of the tar, which is not compressed, into the buffer; 0 only at the end.
  package borrowing func fill(
    fromTar name: String, progress: StepProgress,
    read: @escaping (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) throws(Failure) -> Int {
    try fill(from: try TarArchive(name, read: read), progress: progress)
  }

  /// Writes every entry of the archive into this new filesystem; returns how many there were.
  borrowing func fill(from archive: borrowing TarArchive, progress: StepProgress) throws(Failure) -> Int {
    var made = MadeFiles()
    if let number = try find("/lost+found") { made.names[.init(folder: Filesystem.root, name: "lost+found")] = number }
    // Lists name accounts of the guest, which are known when all is read.
    var listed: [(InodeNumber, TarEntry)] = []
    var entries = 0
    while let entry = try archive.next() {
      entries += 1
      let number = try make(entry, from: archive, among: &made, progress: progress)
      guard let number else { continue }
      try setAttributes(number, entry.attributes)
      try setMetadata(number, entry)
      if !entry.lists.isEmpty { listed.append((number, entry)) }
    }
    try setLists(of: listed)
    return entries
  }

  /// Sets lists of access control, which name accounts of the guest.
  borrowing func setLists(of listed: [(InodeNumber, TarEntry)]) throws(Failure) {
    guard !listed.isEmpty else { return }
    let accounts = GuestAccounts(passwd: try read("/etc/passwd") ?? [], group: try read("/etc/group") ?? [])
    for (number, entry) in listed {
      try setAttributes(
        number, entry.lists.map { ExtendedAttribute(name: $0.attribute, value: $0.value(accounts: accounts)) })
      try setMetadata(number, entry)
    }
  }

  borrowing func setMetadata(_ number: InodeNumber, _ entry: TarEntry) throws(Failure) {
    try setMetadata(
      number, uid: entry.uid, gid: entry.gid, permissions: entry.permissions, seconds: entry.seconds,
      nanoseconds: entry.nanoseconds)
  }

  /// Makes the inode of an entry; nil for one that is only another name.
  private borrowing func make(
    _ entry: TarEntry, from archive: borrowing TarArchive, among made: inout MadeFiles, progress: StepProgress
  ) throws(Failure) -> InodeNumber? {
    guard !entry.path.isEmpty else { return Filesystem.root }
    let place = try place(of: entry.path, among: &made)
    let (parent, name) = (place.folder, place.name)
    let target = try entry.hardLink.map { path throws(Failure) in
      guard let number = try find(hardLink: path, among: made), try kind(number) != .directory else {
        throw Failure(.guest, "the archive names /\(entry.path) a link to /\(path), which is not a file that it holds")
      }
      return number
    }
    if let there = made.names[place] {
      let isFolder = try kind(there) == .directory
      if isFolder, entry.kind == .directory { return there }
      // Another name for a file that has this one.
      if there == target { return nil }
      guard !isFolder else {
        throw Failure(.guest, "the archive has a folder at /\(entry.path), and something else behind it")
      }
      // A later entry of the same name replaces the earlier one, as in tar(1).
      try remove("/\(entry.path)")
    }
    if let target {
      try addName(name, to: target, in: parent)
      made.names[place] = target
      return nil
    }
    let number = try makeNode(entry, from: archive, as: name, in: parent, progress: progress)
    made.names[place] = number
    if entry.kind == .directory { made.folders[entry.path] = number }
    return number
  }

  /// Makes what an entry is, which no name of the archive is yet, under one name.
  borrowing func makeNode(
    _ entry: TarEntry, from archive: borrowing TarArchive, as name: ByteString, in parent: InodeNumber,
    progress: StepProgress
  ) throws(Failure) -> InodeNumber {
    switch entry.kind {
    case .directory: return try makeDirectory(name, in: parent, mode: entry.permissions)
    case .symbolicLink: return try makeLink(to: entry.target, as: name, in: parent)
    case .file:
      return try makeFile(name, in: parent) { content throws(Failure) in
        var end: UInt64 = 0
        try archive.eachBlock { bytes, offset throws(Failure) in
          try content.write(bytes, at: offset)
          end = offset + UInt64(bytes.count)
          progress.advance(by: UInt64(bytes.count))
        }
        if end < entry.length.size { try content.setLength(entry.length.size) }
      }
    default: return try makeSpecial(entry.kind, major: entry.major, minor: entry.minor, as: name, in: parent)
    }
  }

  /// The directory that an entry goes into, made where the archive has not named it before, and its name there.
  private borrowing func place(of path: ByteString, among made: inout MadeFiles) throws(Failure) -> MadeFiles.Place {
    guard path.bytes.count <= Self.longestPath else {
      throw Failure(
        .guest,
        "the archive has a path of \(path.bytes.count) bytes, \(Words.printable(path, limit: 60)); a file's has at "
          + "most \(Self.longestPath)")
    }
    let (parent, name) = path.parent
    guard let parent else { return .init(folder: Filesystem.root, name: name) }
    if let known = made.folders[parent] { return .init(folder: known, name: name) }
    // Through a link perhaps, which leads nowhere but into the guest.
    if let found = try find("/\(parent)"), try kind(found) == .directory {
      made.folders[parent] = found
      return .init(folder: found, name: name)
    }
    let above = try place(of: parent, among: &made)
    let folder = try makeDirectory(above.name, in: above.folder, mode: 0o755)
    made.names[above] = folder
    made.folders[parent] = folder
    return .init(folder: folder, name: name)
  }

  /// In bytes (PATH_MAX).
  static var longestPath: Int { 4095 }

  private borrowing func find(hardLink path: ByteString, among made: MadeFiles) throws(Failure) -> InodeNumber? {
    let (parent, name) = path.parent
    guard let parent else { return made.names[.init(folder: Filesystem.root, name: name)] }
    var folder = made.folders[parent]
    if folder == nil { folder = try find("/\(parent)") }
    guard let folder else { return nil }
    return made.names[.init(folder: folder, name: name)]
  }
}

/// What an archive has made: directories in libext2fs are searched from end to end.
private struct MadeFiles {
  /// A name in a folder: two paths lead to one where a link is on the way.
  struct Place: Hashable {
    let folder: InodeNumber
    let name: ByteString
  }

  var names: [Place: InodeNumber] = [:]
  var folders: [ByteString: InodeNumber] = [:]
}

extension ByteString {
  /// What is before its last slash, nil where it has none, and what is behind it.
  var parent: (ByteString?, ByteString) {
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return (nil, self) }
    return (ByteString(bytes[..<slash]), ByteString(bytes[(slash + 1)...]))
  }
}
