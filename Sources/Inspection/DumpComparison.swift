// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
package import Report

/// What differs between two dumps at one path.
package struct DumpDifference: Sendable, Equatable {
  package enum Change: Sendable, Equatable {
    /// Only in the second.
    case added
    /// Only in the first.
    case removed
    /// In words, one for each thing that differs.
    case changed([String])
  }

  /// Empty for the root.
  package var path: ByteString
  package var change: Change
}

extension StoredDump {
  /// What is different in `other`, file by file and in the order of the paths: kinds, modes, owners, times, contents,
  /// where links lead, extended attributes.
  package func differences(
    to other: StoredDump, steps: Steps, progress: StepProgress
  ) throws(Failure) -> [DumpDifference] {
    let comparison = try DumpComparison(
      try filesystem(steps: steps), try other.filesystem(steps: steps), progress)
    try comparison.compareTrees()
    try comparison.compareContents()
    return comparison.differences.map { DumpDifference(path: $0.key, change: $0.value) }
      .sorted { $0.path < $1.path }
  }
}

/// The comparison of two guests' trees while it goes on.
private final class DumpComparison {
  private let old: Filesystem
  private let new: Filesystem
  private let progress: StepProgress
  private(set) var differences: [ByteString: DumpDifference.Change] = [:]
  /// Files of the same size, to be compared in the order in which the first dump holds them.
  private var contents: [(path: ByteString, old: InodeNumber, new: InodeNumber, size: UInt64, block: UInt64)] = []
  private var oldWalk: GuestWalk
  private var newWalk: GuestWalk

  init(_ old: consuming Filesystem, _ new: consuming Filesystem, _ progress: StepProgress) throws(Failure) {
    self.old = old
    self.new = new
    self.progress = progress
    oldWalk = GuestWalk(root: Filesystem.root)
    newWalk = GuestWalk(root: Filesystem.root)
  }

  func compareTrees() throws(Failure) {
    let (one, other) = (try old.guestFile(Filesystem.root, path: ""), try new.guestFile(Filesystem.root, path: ""))
    try compare(one, other)
    try compareFolders(one, other, depth: 0)
  }

  private func compareFolders(_ one: GuestFile, _ other: GuestFile, depth: Int) throws(Failure) {
    var oldEntries = try old.entries(of: one.inode)[...]
    var newEntries = try new.entries(of: other.inode)[...]
    while let name = [oldEntries.first?.name, newEntries.first?.name].compactMap({ $0 }).min() {
      let path: ByteString = "\(one.path)/\(name)"
      let oldEntry = oldEntries.first?.name == name ? oldEntries.popFirst() : nil
      let newEntry = newEntries.first?.name == name ? newEntries.popFirst() : nil
      let oldFile = try oldEntry.map { entry throws(Failure) in try old.guestFile(entry.inode, path: path) }
      let newFile = try newEntry.map { entry throws(Failure) in try new.guestFile(entry.inode, path: path) }
      if let oldFile, let newFile, oldFile.attributes.kind == newFile.attributes.kind {
        try compare(oldFile, newFile)
        guard oldFile.attributes.kind == .directory else { continue }
        try oldWalk.enter(oldFile, depth: depth)
        try newWalk.enter(newFile, depth: depth)
        try compareFolders(oldFile, newFile, depth: depth + 1)
        continue
      }
      if let oldFile, let newFile {
        differences[path] = .changed(["\(oldFile.attributes.kind.words) → \(newFile.attributes.kind.words)"])
        try tell(.removed, below: oldFile, of: old, &oldWalk, depth: depth)
        try tell(.added, below: newFile, of: new, &newWalk, depth: depth)
      } else if let oldFile {
        differences[path] = .removed
        try tell(.removed, below: oldFile, of: old, &oldWalk, depth: depth)
      } else if let newFile {
        differences[path] = .added
        try tell(.added, below: newFile, of: new, &newWalk, depth: depth)
      }
    }
  }

  /// Tells all that is in a folder which only one of the two has.
  private func tell(
    _ change: DumpDifference.Change, below folder: GuestFile, of filesystem: borrowing Filesystem,
    _ walk: inout GuestWalk, depth: Int
  ) throws(Failure) {
    guard folder.attributes.kind == .directory else { return }
    var paths: [ByteString] = []
    try walk.enter(folder, depth: depth)
    try walk.visit(folder, in: filesystem, recursive: true, depth: depth + 1) { paths.append($0.path) }
    for path in paths { differences[path] = change }
  }

  private func compare(_ one: GuestFile, _ other: GuestFile) throws(Failure) {
    let (a, b) = (one.attributes, other.attributes)
    var words: [String] = []
    if a.permissions != b.permissions { words.append("mode \(a.mode) → \(b.mode)") }
    if (a.uid, a.gid) != (b.uid, b.gid) { words.append("owner \(a.uid):\(a.gid) → \(b.uid):\(b.gid)") }
    if (a.seconds, a.nanoseconds) != (b.seconds, b.nanoseconds) { words.append("time") }
    if (a.major, a.minor) != (b.major, b.minor) {
      words.append("device \(a.major):\(a.minor) → \(b.major):\(b.minor)")
    }
    if one.target != other.target {
      words.append("target \(one.target?.quoted ?? "none") → \(other.target?.quoted ?? "none")")
    }
    if try old.extendedAttributes(of: one.inode) != new.extendedAttributes(of: other.inode) {
      words.append("attributes")
    }
    if a.kind == .file {
      if a.size != b.size {
        words.append("content, \(a.size) → \(b.size) bytes")
      } else if a.size > 0 {
        contents.append((one.path, one.inode, other.inode, a.size, old.firstBlock(of: one.inode)))
      }
    }
    if !words.isEmpty { differences[one.path] = .changed(words) }
  }

  func compareContents() throws(Failure) {
    progress.expect(contents.reduce(0) { $0.saturatingAdding($1.size) })
    for file in contents.sorted(by: { $0.block < $1.block }) {
      if try !isSame(file.old, file.new) {
        var words = ["content"]
        if case .changed(let others) = differences[file.path] { words += others }
        differences[file.path] = .changed(words)
      }
      progress.advance(by: file.size)
    }
  }

  private func isSame(_ one: InodeNumber, _ other: InodeNumber) throws(Failure) -> Bool {
    let reader = try new.contentReader(of: other)
    // Where both have a hole, of which there may be more than any disk holds, both are zero.
    let ranges = Self.union(try old.dataRanges(of: one), try new.dataRanges(of: other))
    var isSame = true
    for range in ranges where isSame {
      try old.eachPiece(of: one, in: [range]) { bytes, offset throws(Failure) in
        guard isSame else { return }
        try reader.move(to: offset)
        let others = try reader.next(limit: UInt64(bytes.count))
        isSame = bytes.count == others.count && memcmp(bytes.baseAddress!, others.baseAddress!, bytes.count) == 0
      }
    }
    return isSame
  }

  /// Ascending, and joined where they touch or overlap.
  private static func union(_ one: [ByteRange], _ other: [ByteRange]) -> [ByteRange] {
    var joined: [ByteRange] = []
    for range in (one + other).sorted(by: { $0.offset < $1.offset }) {
      if let last = joined.last, range.offset <= last.end {
        joined[joined.count - 1].length = max(last.end, range.end) - last.offset
      } else {
        joined.append(range)
      }
    }
    return joined
  }
}

extension FileKind {
  fileprivate var words: String {
    switch self {
    case .file: "file"
    case .directory: "folder"
    case .symbolicLink: "link"
    case .characterDevice, .blockDevice: "device"
    case .pipe: "pipe"
    case .socket: "socket"
    }
  }
}

extension FileAttributes {
  /// The permissions as chmod(1) takes them: `0644`.
  package var mode: String {
    let digits = String(permissions, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
