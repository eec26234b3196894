// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Inspection
internal import LinuxIO
internal import Report
internal import Storage

extension KeptFiles {
  /// Looks, before the old guest goes, whether all of it will have a place in the new one.
  ///
  /// - Parameter new: the image of the new guest.
  func refuseWhatHasNoPlace(
    in new: borrowing Filesystem, after old: borrowing Filesystem, on disk: Disk, _ options: FilesystemOptions
  ) throws(Failure) {
    let kept = Set(files.map(\.file.inode))
    let links = Set(files.filter { $0.file.attributes.kind == .symbolicLink }.map(\.path))
    for file in files {
      let isFolder = file.file.attributes.kind == .directory
      if let there = try new.find(file.path, followingLast: false), try new.kind(there) == .directory, !isFolder {
        throw Self.failure(file.path, "is not a folder, and in the new guest it is one")
      }
      if file.isNamed { try refuseWithoutFolder(file.path, in: new, links) }
      guard new.holds(file.extendedAttributes) else {
        throw Self.failure(file.path, "has extended attributes that the new guest's filesystem does not hold")
      }
      guard file.isNamed, file.file.attributes.kind == .symbolicLink, let target = try old.find(file.path),
        !kept.contains(target), try !leads(file, in: new)
      else { continue }
      throw Failure(
        .invalid, "\(file.path.quoted) in the guest is a link to \(file.file.target?.quoted ?? ""), which is not kept",
        remedy: "name in reinstall_keep what the link leads to as well; nothing was changed")
    }
    try refuseWithoutRoom(beside: new, on: disk, options)
  }

  private func refuseWithoutFolder(
    _ path: ByteString, in new: borrowing Filesystem, _ links: Set<ByteString>
  ) throws(Failure) {
    var above: ByteString = ""
    for part in path.split(separator: "/").dropLast() {
      above = "\(above)/\(part)"
      guard !links.contains(above) else {
        throw Failure(
          .invalid, "\(path.quoted) in the guest is reached by the link \(above.quoted), which is kept too",
          remedy: "name in reinstall_keep where the link leads; nothing was changed")
      }
      if let there = try new.find(above), try new.kind(there) != .directory {
        throw Self.failure(path, "has no place in the new guest, where \(above.quoted) is not a folder")
      }
    }
  }

  /// Whether a link will lead to something that the new system has itself.
  private func leads(_ link: KeptFile, in new: borrowing Filesystem) throws(Failure) -> Bool {
    guard let target = link.file.target else { return false }
    if target.hasPrefix("/") { return try new.find(target) != nil }
    let folder = link.path.split(separator: "/").dropLast().joined(separator: "/")
    return try new.find("/\(folder)/\(target)") != nil
  }

  /// Whether the files fit beside those of the image, with the journal and the tables of a filesystem of the disk's size.
  private func refuseWithoutRoom(
    beside new: borrowing Filesystem, on disk: Disk, _ options: FilesystemOptions
  ) throws(Failure) {
    let block = new.blockSize
    let blocks = files.reduce(UInt64(0)) { total, file in
      // An index block for each 340 extents, pointer blocks without extents, as for an archive.
      let content = file.pieces.reduce(UInt64(0)) { $0 + ($1.length + block - 1) / block + 1 }
      let others: UInt64 = file.file.attributes.kind == .file ? 0 : file.file.attributes.size / block + 1
      return total + content + content / (block / 4) + others + (file.extendedAttributes.isEmpty ? 0 : 1)
    }
    let inodes = UInt64(files.count { $0.first == nil })
    let room = new.roomForMore(whenGrownTo: disk.size, options)
    guard blocks <= room.blocks, inodes <= room.inodes else {
      throw Failure(
        .device,
        "\(files.count) files of \(Words.bytes(blocks * block)) are kept of the guest, and \(disk.path) has room for "
          + "\(room.inodes) of \(Words.bytes(room.blocks * block)) beside the new one",
        remedy: "give the instance a larger disk, or keep less; nothing was changed")
    }
  }

  /// Puts everything into the new filesystem, in the place of what the new system has there.
  ///
  /// - Parameter left: folders that are there, and keep their owners, modes and times.
  func write(to filesystem: borrowing Filesystem, leaving left: Set<ByteString> = []) throws(Failure) {
    var numbers: [InodeNumber] = []
    var offset: UInt64 = 0
    for file in files {
      let number = try make(file, numbers, in: filesystem, contentAt: offset)
      numbers.append(number)
      offset += file.bytes
      guard file.first == nil, !left.contains(file.path) else { continue }
      try filesystem.setAttributes(number, file.extendedAttributes)
      if file.file.attributes.kind != .directory { try setMetadata(of: number, file, in: filesystem) }
    }
    // Last: what is put into a folder changes its time.
    for (file, number) in zip(files, numbers) where file.file.attributes.kind == .directory && !left.contains(file.path)
    {
      try setMetadata(of: number, file, in: filesystem)
    }
  }

  private func make(
    _ file: KeptFile, _ numbers: [InodeNumber], in filesystem: borrowing Filesystem, contentAt offset: UInt64
  ) throws(Failure) -> InodeNumber {
    let attributes = file.file.attributes
    if attributes.kind == .directory {
      if let there = try filesystem.find(file.path), try filesystem.kind(there) == .directory { return there }
      try filesystem.remove(file.path)
      try filesystem.makeDirectory(file.path)
      guard let made = try filesystem.find(file.path) else {
        throw Failure(.guest, "the folder \(file.path) that was made is not there")
      }
      return made
    }
    let (folder, name) = try filesystem.directory(above: file.path)
    if try filesystem.lookUp(name, in: folder) != nil { try filesystem.remove(file.path) }
    if let first = file.first {
      try filesystem.addName(name, to: numbers[first], in: folder)
      return numbers[first]
    }
    switch attributes.kind {
    case .symbolicLink: return try filesystem.makeLink(to: file.file.target ?? "", as: name, in: folder)
    case .file:
      return try filesystem.makeFile(name, in: folder) { content throws(Failure) in
        var offset = offset
        for piece in file.pieces {
          try eachPart(of: offset, piece.length) { bytes, place throws(Failure) in
            try content.write(bytes, at: piece.offset + place)
          }
          offset += piece.length
        }
        try content.setLength(attributes.size)
      }
    default:
      return try filesystem.makeSpecial(
        attributes.kind, major: attributes.major, minor: attributes.minor, as: name, in: folder)
    }
  }

  /// Reads a part of the spool in pieces of up to 1 MiB.
  private func eachPart(
    of offset: UInt64, _ length: UInt64, _ body: (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void
  ) throws(Failure) {
    try withBuffer(of: 1 << 20) { buffer throws(Failure) in
      var done: UInt64 = 0
      while done < length {
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(UInt64(buffer.count), length - done))])
        guard try spool.readFull(into: part, at: offset + done) == part.count else {
          throw Failure(.io, "\(spool.name) ends before byte \(offset + length)")
        }
        try body(UnsafeRawBufferPointer(part), done)
        done += UInt64(part.count)
      }
    }
  }

  private func setMetadata(
    of number: InodeNumber, _ file: KeptFile, in filesystem: borrowing Filesystem
  ) throws(Failure) {
    let attributes = file.file.attributes
    try filesystem.setMetadata(
      number, uid: attributes.uid, gid: attributes.gid, permissions: attributes.permissions,
      seconds: attributes.seconds, nanoseconds: attributes.nanoseconds)
    try filesystem.setFlags(number, attributes.flags)
  }
}
