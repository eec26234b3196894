// SPDX-License-Identifier: Apache-2.0
package import Report

/// Reads a stream that dump(8) wrote of an ext2, ext3 or ext4 filesystem: first all folders, then every other file, each
/// with its inode's number instead of a name. Used by one thread at a time.
///
/// The format has a checksum of its headers only, so damage of a file's content stays unseen.
package final class Dump8Reader {
  package typealias Source = (UnsafeMutableRawBufferPointer) throws(Failure) -> Int

  /// A file or folder of the stream.
  package struct Node: Sendable {
    package let inode: UInt32
    /// Type and permissions, as in `st_mode`.
    package let mode: UInt16
    package let uid: UInt32
    package let gid: UInt32
    /// Of the content in bytes.
    package let size: UInt64
    /// Since 1970.
    package let seconds: Int64
    package let nanoseconds: UInt32
    /// What a device's inode holds in place of the first two block numbers.
    package let blocks: (UInt32, UInt32)

    /// Nil where the stream says nothing that is one.
    package var kind: FileKind? { FileKind(mode: mode) }
  }

  /// A name in a folder.
  package struct Name: Sendable {
    package let name: ByteString
    package let inode: UInt32
  }

  /// Where the filesystem was mounted, in the words of dump(8).
  package let filesystem: String
  private let source: Source
  private let name: String
  /// Records of 1024 bytes read so far.
  private var records: UInt32 = 0
  /// A header that was read ahead.
  private var ahead: Dump8Header?
  /// The inode that `next` gave last, while its content is still to be read.
  private var current: Dump8Header?
  /// The inodes that are still to come, a bit each.
  private var missing: [UInt8] = []

  /// Reads up to the first folder.
  package init(_ name: String, source: @escaping Source) throws(Failure) {
    self.name = name
    self.source = source
    guard let first = Dump8Header(try Self.record(source, name)), first.kind == .tape else {
      throw Failure(
        .dump, "\(name) does not begin as dump(8) writes it on this kind of machine",
        remedy: "import it by restore(8) on a machine of the kind that wrote it, and take a tar of that")
    }
    filesystem = first.filesystem
    records = 1
    guard first.level == 0, first.volume == 1 else {
      throw Failure(
        .dump, "\(name) is volume \(first.volume) of a dump(8) of level \(first.level): only whole ones are imported",
        remedy: "dump again with dump -0 onto one volume")
    }
    guard !first.isCompressed else {
      throw Failure(
        .dump, "\(name) is a dump(8) that dump itself has compressed",
        remedy: "dump again without -j and -z, and compress the stream with gzip or the like")
    }
    // A map of those that were free, and one of those that are here.
    for kind in [Dump8Header.Kind.free, .map] {
      let header = try nextHeader()
      guard header.kind == kind else {
        ahead = header
        continue
      }
      guard header.count <= Self.longestMap else {
        throw damaged("a map of \(header.count) records, more than the \(Self.longestMap) for a billion files")
      }
      for _ in 0..<header.count {
        let record = try nextRecord()
        if header.kind == .map { missing += record }
      }
    }
    guard !missing.isEmpty else { throw damaged("no map of its files") }
  }

  /// The next folder or file; nil at the end, and only when all were there that the stream says it has.
  package func next() throws(Failure) -> Node? {
    if current != nil { try eachBlock { _, _ in } }
    var unwanted = 0
    while true {
      let header = try nextHeader()
      switch header.kind {
      case .end:
        let lacking = missing.reduce(0) { $0 + $1.nonzeroBitCount }
        guard lacking == 0 else {
          throw Failure(.dump, "\(name) lacks \(lacking) of the files that it says it has", remedy: Self.remedy)
        }
        return nil
      case .inode where header.isAttributes, .more:
        // Of an inode that nobody wanted.
        unwanted += 1
        guard unwanted <= Self.longestAttributes / 1024 else { throw damaged("attributes without an end") }
        for run in try runs(of: header) where run.isData { for _ in 0..<run.records { _ = try nextRecord() } }
      case .inode:
        let (byte, bit) = (Int(header.inode &- 1) / 8, UInt8(1) << UInt8((header.inode &- 1) % 8))
        guard header.inode > 0, byte < missing.count, missing[byte] & bit != 0 else {
          throw damaged("the inode \(header.inode), which is not to come")
        }
        missing[byte] &= ~bit
        guard !header.isMetadataOnly else {
          throw Failure(.dump, "\(name) lacks the content of its files: it is a dump of what changed")
        }
        current = header
        return Node(
          inode: header.inode, mode: header.mode, uid: header.uid, gid: header.gid, size: header.size,
          seconds: header.modified, nanoseconds: min(header.modifiedMicroseconds, 999_999) * 1000,
          blocks: header.blocks)
      default: throw damaged("a header of kind \(header.kind)")
      }
    }
  }

  /// Calls `body` with the content of the node that `next` gave last, in ascending order, with the offset of each piece;
  /// what lies between the pieces is a hole.
  package func eachBlock(_ body: (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void) throws(Failure) {
    guard var header = current else { return }
    current = nil
    let (inode, size) = (header.inode, header.size)
    let end = try withBuffer(of: 64 << 10) { buffer throws(Failure) in
      var offset: UInt64 = 0
      while true {
        for run in try runs(of: header) {
          var left = run.records * Dump8Header.length
          guard run.isData else {
            offset += UInt64(left)
            continue
          }
          while left > 0 {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(left, buffer.count)])
            try read(into: piece)
            let useful = offset < size ? Int(min(UInt64(piece.count), size - offset)) : 0
            if useful > 0 { try body(UnsafeRawBufferPointer(rebasing: piece[..<useful]), offset) }
            offset += UInt64(piece.count)
            left -= piece.count
          }
        }
        let following = try nextHeader()
        guard following.kind == .more, following.inode == inode else {
          ahead = following
          break
        }
        header = following
      }
      return offset
    }
    guard end >= size else { throw damaged("\(end) bytes of the inode \(inode), which has \(size)") }
  }

  /// The names in the folder that `next` gave last.
  package func names() throws(Failure) -> [Name] {
    let content = try content(limit: 256 << 20)
    var names: [Name] = []
    var position = 0
    while position + 8 <= content.count {
      let inode = content[position..<position + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
      let length = Int(content[position + 4]) | Int(content[position + 5]) << 8
      let nameLength = Int(content[position + 7])
      // dump(8) counts the length up to a multiple of four in one byte (0.4b47).
      guard length >= 8 + nameLength || nameLength <= 252 else {
        throw Failure(
          .dump, "\(self.name) lacks the name of a file, which has \(nameLength) bytes: dump(8) keeps up to 252",
          remedy: "give the file a shorter name, or import a tar of the guest or a dump of guestsmith")
      }
      guard length >= 8 + nameLength, position + length <= content.count else {
        throw damaged("a folder whose names run over its end")
      }
      let name = ByteString(content[position + 8..<position + 8 + nameLength])
      position += length
      if inode == 0 || name == "." || name == ".." { continue }
      guard !name.isEmpty, !name.contains("\0"), !name.contains("/") else {
        throw damaged("a name that no file can have")
      }
      names.append(Name(name: name, inode: inode))
    }
    return names
  }

  /// All of the content of the node that `next` gave last, which has at most `limit` bytes.
  package func content(limit: Int) throws(Failure) -> [UInt8] {
    guard let size = current?.size else { return [] }
    guard size <= UInt64(limit) else { throw damaged("\(size) bytes where at most \(limit) can be") }
    var content = [UInt8](repeating: 0, count: Int(size))
    try eachBlock { bytes, offset throws(Failure) in
      content.replaceSubrange(Int(offset)..<Int(offset) + bytes.count, with: bytes)
    }
    return content
  }

  /// The extended attributes of the node that `next` gave last, once its content was read; by their full names, as the
  /// kernel's system calls have them.
  package func attributes() throws(Failure) -> [(name: ByteString, value: [UInt8])] {
    if current != nil { try eachBlock { _, _ in } }
    var attributes: [(name: ByteString, value: [UInt8])] = []
    for _ in 0...Self.mostAttributes {
      let header = try nextHeader()
      guard header.kind == .inode, header.isAttributes else {
        ahead = header
        return attributes
      }
      let isKnown = header.attributesKind == 3
      current = header
      let content = try content(limit: Self.longestAttributes)
      guard isKnown, let found = Dump8Attributes.parse(content) else {
        throw damaged("extended attributes of a kind that is not known")
      }
      attributes += found
    }
    throw damaged("attributes without an end")
  }

  /// In records, with a bit for each file.
  private static let longestMap = 1 << 17
  /// What a file can have: the attributes in its inode and those in a block, and some to spare.
  private static let mostAttributes = 8
  private static let longestAttributes = 1 << 20

  private static let remedy = "take a whole copy of the dump, or dump again"

  private func damaged(_ what: String) -> Failure {
    Failure(.dump, "\(name) is damaged before record \(records): \(what)", remedy: Self.remedy)
  }

  private func runs(of header: Dump8Header) throws(Failure) -> [(records: Int, isData: Bool)] {
    guard let runs = header.runs else { throw damaged("a wrong table of blocks") }
    return runs
  }

  private func nextHeader() throws(Failure) -> Dump8Header {
    if let header = ahead {
      ahead = nil
      return header
    }
    let number = records
    guard let header = Dump8Header(try nextRecord()) else { throw damaged("no header where one must be") }
    guard header.record == number else { throw damaged("the record \(header.record) in the place of \(number)") }
    return header
  }

  private func nextRecord() throws(Failure) -> [UInt8] {
    let record = try Self.record(source, name)
    records &+= 1
    return record
  }

  private static func record(_ source: Source, _ name: String) throws(Failure) -> [UInt8] {
    try [UInt8](upTo: Dump8Header.length) { buffer throws(Failure) in
      try fill(buffer, source, name)
      return buffer.count
    }
  }

  private func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
    try Self.fill(buffer, source, name)
    records &+= UInt32(buffer.count / Dump8Header.length)
  }

  private static func fill(
    _ buffer: UnsafeMutableRawBufferPointer, _ source: Source, _ name: String
  ) throws(Failure) {
    var filled = 0
    while filled < buffer.count {
      let count = try source(UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      guard count > 0 else {
        throw Failure(.dump, "\(name) is cut off: the end of the dump(8) is missing", remedy: remedy)
      }
      filled += count
    }
  }
}
