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
    // Inodes by path: directories in libext2fs are searched from end to end, and hard links name paths.
    var inodes: [ByteString: InodeNumber] = [
      "": Filesystem.root, "lost+found": try find("/lost+found") ?? Filesystem.root,
    ]
    // Lists name accounts of the guest, which are known when all is read.
    var listed: [(InodeNumber, TarEntry)] = []
    var entries = 0
    while let entry = try archive.next() {
      entries += 1
      let number = try make(entry, from: archive, among: &inodes, progress: progress)
      guard let number else { continue }
      try setAttributes(number, entry.attributes)
      try setMetadata(number, entry)
      if !entry.lists.isEmpty { listed.append((number, entry)) }
    }
    if !listed.isEmpty {
      let accounts = GuestAccounts(passwd: try read("/etc/passwd") ?? [], group: try read("/etc/group") ?? [])
      for (number, entry) in listed {
        try setAttributes(
          number, entry.lists.map { ExtendedAttribute(name: $0.attribute, value: $0.value(accounts: accounts)) })
        try setMetadata(number, entry)
      }
    }
    return entries
  }

  private borrowing func setMetadata(_ number: InodeNumber, _ entry: TarEntry) throws(Failure) {
    try setMetadata(
      number, uid: entry.uid, gid: entry.gid, permissions: entry.permissions, seconds: entry.seconds,
      nanoseconds: entry.nanoseconds)
  }

  /// Makes the inode of an entry; nil for one that is only another name.
  private borrowing func make(
    _ entry: TarEntry, from archive: borrowing TarArchive, among inodes: inout [ByteString: InodeNumber],
    progress: StepProgress
  ) throws(Failure) -> InodeNumber? {
    if entry.kind == .directory, let known = inodes[entry.path] { return known }
    let (parent, name) = try place(of: entry.path, among: &inodes)
    // A later entry of the same name replaces the earlier one, as in tar(1).
    if inodes[entry.path] != nil { try remove("/\(entry.path)") }
    if let target = entry.hardLink {
      guard let number = inodes[target] else {
        throw Failure(.guest, "the archive names /\(entry.path) a link to /\(target), which it does not hold")
      }
      try addName(name, to: number, in: parent)
      inodes[entry.path] = number
      return nil
    }
    let number: InodeNumber
    switch entry.kind {
    case .directory: number = try makeDirectory(name, in: parent, mode: entry.permissions)
    case .symbolicLink: number = try makeLink(to: entry.target, as: name, in: parent)
    case .file:
      number = try makeFile(name, in: parent) { content throws(Failure) in
        var end: UInt64 = 0
        try archive.eachBlock { bytes, offset throws(Failure) in
          try content.write(bytes, at: offset)
          end = offset + UInt64(bytes.count)
          progress.advance(by: UInt64(bytes.count))
        }
        if end < entry.size { try content.setLength(entry.size) }
      }
    default: number = try makeSpecial(entry.kind, major: entry.major, minor: entry.minor, as: name, in: parent)
    }
    inodes[entry.path] = number
    return number
  }

  /// The directory that an entry goes into, made where the archive has not named it before.
  private borrowing func place(
    of path: ByteString, among inodes: inout [ByteString: InodeNumber]
  ) throws(Failure) -> (InodeNumber, ByteString) {
    guard let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) else { return (Filesystem.root, path) }
    let parent = ByteString(path.bytes[..<slash])
    let name = ByteString(path.bytes[(slash + 1)...])
    if let known = inodes[parent] { return (known, name) }
    // Through a link perhaps, which leads nowhere but into the guest.
    if let found = try find("/\(parent)"), try kind(found) == .directory {
      inodes[parent] = found
      return (found, name)
    }
    let (above, last) = try place(of: parent, among: &inodes)
    let made = try makeDirectory(last, in: above, mode: 0o755)
    inodes[parent] = made
    return (made, name)
  }
}
