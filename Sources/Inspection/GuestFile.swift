// SPDX-License-Identifier: Apache-2.0
package import Ext4
package import Report

/// A file of the guest in a dump.
package struct GuestFile: Sendable {
  /// From the guest's root on, and beginning with a slash; empty for the root itself.
  package var path: ByteString
  package var inode: InodeNumber
  package var attributes: FileAttributes
  /// Where a symbolic link leads.
  package var target: ByteString?

  package init(path: ByteString, inode: InodeNumber, attributes: FileAttributes, target: ByteString?) {
    self.path = path
    self.inode = inode
    self.attributes = attributes
    self.target = target
  }
}

/// Names of the guest's own users and groups.
package struct GuestAccountNames: Sendable {
  package fileprivate(set) var users: [UInt32: ByteString] = [:]
  package fileprivate(set) var groups: [UInt32: ByteString] = [:]
}

extension StoredDump {
  /// Calls `body` with the file at `path`, or with what is in it where it is a folder: in the order of the names, and
  /// with `recursive` with all that is below too. A symbolic link is followed where the path ends in a slash.
  package func list(
    _ path: ByteString, recursive: Bool, steps: Steps, _ body: (GuestFile) throws(Failure) -> Void
  ) throws(Failure) {
    let filesystem = try filesystem(steps: steps)
    let (file, isFolder) = try filesystem.guestFile(path, in: self.path)
    guard isFolder else { return try body(file) }
    var walk = GuestWalk(root: file.inode)
    try walk.visit(file, in: filesystem, recursive: recursive, body)
  }

  package func accountNames(steps: Steps) throws(Failure) -> GuestAccountNames {
    let filesystem = try filesystem(steps: Steps(.quiet))
    var names = GuestAccountNames()
    names.users = Self.names(try? filesystem.read("/etc/passwd"))
    names.groups = Self.names(try? filesystem.read("/etc/group"))
    return names
  }

  /// The first field of each line by the third, as in passwd(5) and group(5).
  private static func names(_ table: [UInt8]?) -> [UInt32: ByteString] {
    var names: [UInt32: ByteString] = [:]
    for line in ByteString(table ?? []).split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count > 2, let number = fields[2].text.flatMap({ UInt32($0) }), names[number] == nil {
        names[number] = fields[0]
      }
    }
    return names
  }
}

extension Filesystem {
  /// The file that a person names, and whether it is a folder to look into.
  borrowing func guestFile(_ path: ByteString, in dump: String) throws(Failure) -> (GuestFile, isFolder: Bool) {
    let parts = path.split(separator: "/")
    let clean: ByteString = "/\(parts.joined(separator: "/"))"
    guard let number = try find(clean, followingLast: path.hasSuffix("/")) else {
      throw Failure(
        .guest, "\(clean.quoted) is not in \(dump)", remedy: "see what is there with guestsmith dump list \(dump)")
    }
    let file = try guestFile(number, path: parts.isEmpty ? "" : clean)
    return (file, file.attributes.kind == .directory)
  }

  package borrowing func guestFile(_ number: InodeNumber, path: ByteString) throws(Failure) -> GuestFile {
    let attributes = try attributes(of: number)
    return GuestFile(
      path: path, inode: number, attributes: attributes,
      target: attributes.kind == .symbolicLink ? try linkTarget(of: number) : nil)
  }
}

/// A walk through a tree that a guest made, and may have made badly: no folder is entered twice, and none that is too
/// deep.
package struct GuestWalk {
  /// Folders in folders: more than any path has room for that a program can use.
  package static let deepest = 400
  private var entered: Set<InodeNumber>

  package init(root: InodeNumber) {
    entered = [root]
  }

  /// Calls `body` with all that is in a folder, before what is in its folders.
  package mutating func visit(
    _ folder: GuestFile, in filesystem: borrowing Filesystem, recursive: Bool, depth: Int = 0,
    _ body: (GuestFile) throws(Failure) -> Void
  ) throws(Failure) {
    for entry in try filesystem.entries(of: folder.inode) {
      let file = try filesystem.guestFile(entry.inode, path: "\(folder.path)/\(entry.name)")
      try body(file)
      guard recursive, file.attributes.kind == .directory else { continue }
      try enter(file, depth: depth)
      try visit(file, in: filesystem, recursive: true, depth: depth + 1, body)
    }
  }

  /// Counts a folder as entered; a wrong tree ends here.
  package mutating func enter(_ folder: GuestFile, depth: Int) throws(Failure) {
    guard depth < Self.deepest else {
      throw Failure(.guest, "\(Words.printable(folder.path)) is more than \(Self.deepest) folders deep")
    }
    guard entered.insert(folder.inode).inserted else {
      throw Failure(
        .guest, "the guest's filesystem is damaged: the folder \(Words.printable(folder.path)) is in two places")
    }
  }
}
