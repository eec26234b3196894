// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Filesystems
internal import Guest
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage

/// New UUIDs for a copy's disk, and all texts that follow them.
struct UUIDFollowing {
  private let root: GuestTree
  private let disk: Disk
  private let view: GuestView
  private var changes: [UUID: UUID] = [:]
  /// What was opened for writing, by its partition.
  private var trees: [Int: GuestTree] = [:]

  /// - Parameters:
  ///   - root: the root filesystem, open for writing.
  ///   - view: what was searched.
  init(_ root: GuestTree, on disk: Disk, _ view: GuestView) {
    self.root = root
    self.disk = disk
    self.view = view
  }

  /// What has one UUID has the other from now on.
  mutating func add(_ old: UUID, _ new: UUID) {
    if old != new { changes[old] = new }
  }

  /// Makes identifiers anew, and writes the texts. All but what is in the root filesystem is on the disk then.
  ///
  /// - Returns: the paths of the texts that were changed.
  mutating func apply(_ identifiers: Identifiers, _ texts: [UUIDPlaces.Text]) throws(Failure) -> [ByteString] {
    for number in identifiers.filesystems {
      let tree = try tree(number)
      let old = tree.filesystem.uuid
      add(old, try tree.renewUUID())
    }
    for uuid in identifiers.guids where changes[uuid] == nil { changes[uuid] = .random() }
    var followed: [ByteString] = []
    for text in texts {
      let bytes = try text.content.bytes()
      let changed = changes.reduce(bytes) { $1.key.replaced(by: $1.value, in: $0) }
      guard changed != bytes else { continue }
      try write(changed, to: text)
      followed.append(text.path)
    }
    for tree in trees.values { try tree.commit() }
    if let table = view.table, !identifiers.guids.isEmpty { try disk.write(.gpt(table.renamed(changes))) }
    return followed
  }

  private mutating func write(_ bytes: [UInt8], to text: UUIDPlaces.Text) throws(Failure) {
    switch text.place {
    case .inode(let number, nil): try root.rewrite(number, bytes, named: text.path)
    case .inode(let number, let partition?): try tree(partition).rewrite(number, bytes, named: text.path)
    case .fat(let file, let partition):
      // As long as before: neither the directory nor the table of clusters changes.
      guard UInt64(bytes.count) == file.size, let range = range(of: partition) else {
        throw Failure(.io, "\(text.path) can't be written in place")
      }
      try disk.write(bytes, over: file.ranges, of: range)
    }
  }

  private func range(of partition: Int) -> ByteRange? {
    view.volumes.first { $0.partition.number == partition }?.partition.range
  }

  private mutating func tree(_ partition: Int) throws(Failure) -> GuestTree {
    if let tree = trees[partition] { return tree }
    guard let range = range(of: partition) else { throw Failure(.io, "partition \(partition) is not known") }
    let tree = try GuestTree(partition: range, of: disk, writable: true)
    trees[partition] = tree
    return tree
  }
}
