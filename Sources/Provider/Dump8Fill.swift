// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Report

extension Filesystem {
  /// Writes the files of a stream of dump(8) into this new filesystem; returns how many there were.
  borrowing func fill(from reader: Dump8Reader, progress: StepProgress) throws(Failure) -> Int {
    var folders: [UInt32: Dump8Folder] = [:]
    var first: Dump8Reader.Node?
    // They wait in memory until all are there. A guest of this size has no more than that.
    let most = (256 << 20) + 256 * Int(inodeCount)
    var memory = 0
    while let node = try reader.next() {
      guard node.kind == .directory else {
        first = node
        break
      }
      let folder = Dump8Folder(
        node: node, names: try reader.names(), attributes: try Self.attributes(from: reader))
      folders[node.inode] = folder
      memory += folder.memory
      guard memory <= most else {
        throw Failure(
          .dump,
          "the folders of the dump(8) take more than \(Words.bytes(UInt64(most))) of memory, which is for "
            + "\(inodeCount) files on this disk",
          remedy: "give the instance a larger disk, or import a tar of the guest")
      }
    }
    let (made, names) = try makeFolders(folders)
    var count = folders.count
    var node = first
    while let file = node {
      if let names = names[file.inode] {
        try make(file, names, from: reader, progress)
        count += 1
      }
      node = try reader.next()
    }
    // Last: what is put into a folder changes its time.
    for (inode, number) in made {
      guard let folder = folders[inode] else { continue }
      try setAttributes(number, folder.attributes)
      try setMetadata(number, of: folder.node)
    }
    return count
  }

  /// Makes all folders below the root; returns their numbers here, and the names of all other files, by the numbers of
  /// the stream.
  private borrowing func makeFolders(
    _ folders: [UInt32: Dump8Folder]
  ) throws(Failure) -> (made: [UInt32: InodeNumber], names: [UInt32: [Dump8Place]]) {
    var made = [UInt32(2): Filesystem.root]
    var names: [UInt32: [Dump8Place]] = [:]
    var waiting: [UInt32] = [2]
    while let inode = waiting.popLast() {
      guard let folder = folders[inode], let parent = made[inode] else {
        throw Failure(.dump, "the dump(8) has no root folder")
      }
      for entry in folder.names {
        let name = entry.name
        guard folders[entry.inode] != nil else {
          names[entry.inode, default: []].append(Dump8Place(folder: parent, name: name))
          continue
        }
        guard made[entry.inode] == nil else {
          throw Failure(.dump, "the dump(8) is damaged: the folder \(name.quoted) is in two places")
        }
        let isThere = inode == 2 && name == "lost+found"
        let number = isThere ? try find("/lost+found") : nil
        made[entry.inode] = if let number { number } else { try makeDirectory(name, in: parent, mode: 0o700) }
        waiting.append(entry.inode)
      }
    }
    return (made, names)
  }

  private borrowing func make(
    _ node: Dump8Reader.Node, _ places: [Dump8Place], from reader: Dump8Reader, _ progress: StepProgress
  ) throws(Failure) {
    guard let first = places.first else { return }
    let number: InodeNumber
    switch node.kind {
    case .file:
      number = try makeFile(first.name, in: first.folder) { content throws(Failure) in
        var end: UInt64 = 0
        try reader.eachBlock { bytes, offset throws(Failure) in
          try content.write(bytes, at: offset)
          end = offset + UInt64(bytes.count)
          progress.advance(by: UInt64(bytes.count))
        }
        if end < node.size { try content.setLength(node.size) }
      }
    case .symbolicLink:
      let target = ByteString(try reader.content(limit: 4096))
      number = try makeLink(to: target, as: first.name, in: first.folder)
    case .directory, nil:
      throw Failure(.dump, "the dump(8) is damaged: \(first.name.quoted) is not a kind of file")
    case let kind?:
      let (major, minor) = kind.isDevice ? Self.device(node.blocks) : (0, 0)
      number = try makeSpecial(kind, major: major, minor: minor, as: first.name, in: first.folder)
    }
    for place in places.dropFirst() { try addName(place.name, to: number, in: place.folder) }
    try setAttributes(number, try Self.attributes(from: reader))
    try setMetadata(number, of: node)
  }

  private borrowing func setMetadata(_ number: InodeNumber, of node: Dump8Reader.Node) throws(Failure) {
    try setMetadata(
      number, uid: node.uid, gid: node.gid, permissions: node.mode & 0o7777, seconds: node.seconds,
      nanoseconds: node.nanoseconds)
  }

  private static func attributes(from reader: Dump8Reader) throws(Failure) -> [ExtendedAttribute] {
    try reader.attributes().map { ExtendedAttribute(name: $0.name, value: $0.value) }
  }

  /// An old number of 16 bits in the first block's place, or a new one of 32 bits in the second's.
  private static func device(_ blocks: (UInt32, UInt32)) -> (major: UInt32, minor: UInt32) {
    guard blocks.0 == 0 else { return (blocks.0 >> 8 & 0xFF, blocks.0 & 0xFF) }
    return ((blocks.1 & 0xFFF00) >> 8, blocks.1 & 0xFF | (blocks.1 >> 12 & 0xFFF00))
  }
}

/// A folder of the stream.
private struct Dump8Folder {
  let node: Dump8Reader.Node
  let names: [Dump8Reader.Name]
  let attributes: [ExtendedAttribute]

  /// About what it takes, in bytes.
  var memory: Int {
    names.reduce(256) { $0 + 100 + $1.name.bytes.count } + attributes.reduce(0) { $0 + 200 + $1.value.count }
  }
}

/// Where a file is to be.
private struct Dump8Place {
  let folder: InodeNumber
  let name: ByteString
}
