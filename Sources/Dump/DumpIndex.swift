// SPDX-License-Identifier: Apache-2.0
package import Report

/// A stored dump, read at any offset of its disk.
///
/// What is read is checked by the checksum of its frame; that the dump is whole and right as such is for `DumpReader`
/// to say.
package final class DumpIndex {
  package typealias Source = (UInt64, UnsafeMutableRawBufferPointer) throws(Failure) -> Void

  package let manifest: Manifest
  package let extents: ExtentMap

  private let layout: Layout
  private let source: Source
  /// Nil for a plain tar.
  private let frames: StoredFrames?

  /// Reads the seek table, the manifest and the sparse map.
  ///
  /// - Parameters:
  ///   - size: bytes of the stored dump.
  ///   - source: fills the buffer from that offset of the dump, wholly.
  package init(size: UInt64, source: @escaping Source) throws(Failure) {
    self.source = source
    let first = try Self.bytes(at: 0, Int(min(size, UInt64(TarHeader.blockSize))), source)
    var frames: StoredFrames?
    if first.starts(with: littleEndian(FrameHeader.magic)) {
      let stored = try StoredFrames(size: size, source: source)
      layout = try Layout(parsing: try stored.firstContent())
      try stored.check(against: layout)
      frames = stored
    } else {
      guard let length = Layout.manifestLength(firstBlock: first) else {
        throw Failure(.dump, "the file is not a dump: it starts neither with a zstd frame nor with manifest.json")
      }
      let padded = length + Int(TarHeader.padding(after: UInt64(length)))
      guard size >= UInt64(first.count + padded) else { throw Self.wrongSize(size, UInt64(first.count + padded)) }
      layout = try Layout(parsing: first + (try Self.bytes(at: UInt64(first.count), padded, source)))
      guard size == layout.length else { throw Self.wrongSize(size, layout.length) }
    }
    self.frames = frames
    manifest = layout.manifest
    extents = try Self.readMap(layout, frames, source)
    try frames?.check(against: layout, extents)
  }

  /// Fills the buffer with the disk's content at `offset`; what the dump does not hold is zero.
  package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(buffer.count))
    guard !overflow, end <= manifest.diskSize else {
      throw Failure(
        .invalid, "\(buffer.count) bytes at \(offset) are not on the dump's disk of \(manifest.diskSize) bytes")
    }
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
    var following = extents.near(offset)
    while true {
      let data = following.data
      guard let extent = following.next(), extent.offset < end else { return }
      guard extent.end > offset else { continue }
      let from = max(extent.offset, offset)
      let part = Int(from - offset)..<Int(min(extent.end, end) - offset)
      try readData(at: data + (from - extent.offset), into: UnsafeMutableRawBufferPointer(rebasing: buffer[part]))
    }
  }

  /// Reads from the concatenation of all extents.
  private func readData(at position: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
    guard let frames else {
      return try source(UInt64(layout.manifestMember.count) + layout.headLength + position, buffer)
    }
    var filled = 0
    while filled < buffer.count {
      filled += try frames.copy(
        from: UInt64(layout.manifestMember.count) + layout.headLength + position + UInt64(filled), layout,
        to: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
    }
  }

  private static func readMap(
    _ layout: Layout, _ frames: StoredFrames?, _ source: Source
  ) throws(Failure) -> ExtentMap {
    var head = SparseMapHead(layout)
    var offset = UInt64(layout.manifestMember.count)
    do {
      for frame in 1...layout.headFrames {
        if let frames {
          try head.consume(try frames.content(ofFrame: frame, layout))
        } else {
          let piece = try bytes(at: offset, layout.contentLength(ofFrame: frame), source)
          try head.consume(piece)
          offset += UInt64(piece.count)
        }
      }
      return try head.finish()
    } catch {
      throw error.located(at: offset, in: layout.member(ofFrame: 1))
    }
  }

  static func bytes(at offset: UInt64, _ count: Int, _ source: Source) throws(Failure) -> [UInt8] {
    try [UInt8](upTo: count) { buffer throws(Failure) in
      try source(offset, buffer)
      return count
    }
  }

  private static func wrongSize(_ size: UInt64, _ right: UInt64) -> Failure {
    Failure(
      .dump, "the dump has \(size) bytes where its manifest makes it \(right) or more",
      remedy: "take a whole copy of the dump, or export again")
  }
}
