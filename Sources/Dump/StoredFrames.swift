// SPDX-License-Identifier: Apache-2.0
import Report

/// The frames of a stored dump by their number, found through its seek table; the last used ones are kept.
final class StoredFrames {
  private let source: DumpIndex.Source
  /// How many the seek table has, and where it begins.
  private let count: Int
  private let table: UInt64
  /// Where each frame starts, and the seek table behind them all: the first one only, until `check`.
  private var starts: [UInt64] = [0]
  private var contentLengths: [UInt32] = []
  private let decompressor: Decompressor
  /// The last used is the last.
  private var cached: [(frame: Int, content: [UInt8])] = []

  /// Memory that kept frames may take.
  private static let cacheSize = 16 << 20
  private static let part = "the seek table"

  init(size: UInt64, source: @escaping DumpIndex.Source) throws(Failure) {
    self.source = source
    decompressor = try Decompressor()
    let footerLength = UInt64(SeekTable.footerLength)
    guard size > footerLength else { throw Self.missing(size) }
    let footer = try DumpIndex.bytes(at: size - footerLength, SeekTable.footerLength, source)
    count = footer[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
    let length = UInt64(SeekTable.length(count: count))
    guard footer == SeekTable.footer(count: count), (3...SeekTable.largestCount).contains(count), length <= size else {
      throw Self.missing(size)
    }
    table = size - length
    let header = try DumpIndex.bytes(at: table, SkippableFrame.headerLength, source)
    guard
      header
        == SkippableFrame.header(SkippableFrame.seekTableMagic, length: Int(length) - SkippableFrame.headerLength)
    else { throw Failure.damaged(at: table, in: Self.part, "no skippable frame starts here") }
    try readEntries(through: 1)
  }

  private static func missing(_ size: UInt64) -> Failure {
    Failure(
      .dump, "the dump of \(size) bytes does not end with a seek table",
      remedy: "take a whole copy of the dump, or export again: an export that fails leaves one like this")
  }

  private func readEntries(through count: Int) throws(Failure) {
    starts.reserveCapacity(count + 1)
    contentLengths.reserveCapacity(count)
    let offset = table + UInt64(SkippableFrame.headerLength)
    var done = contentLengths.count
    while done < count {
      let some = min(count - done, 8192)
      let entries = try DumpIndex.bytes(
        at: offset + UInt64(done * SeekTable.entryLength), some * SeekTable.entryLength, source)
      entries.withUnsafeBytes { entries in
        for index in 0..<some {
          func field(_ place: Int) -> UInt32 {
            UInt32(
              littleEndian: entries.loadUnaligned(
                fromByteOffset: index * SeekTable.entryLength + place, as: UInt32.self))
          }
          starts.append(starts[starts.count - 1] + UInt64(field(0)))
          contentLengths.append(field(4))
        }
      }
      done += some
    }
  }

  /// The manifest's member, with which a dump starts.
  func firstContent() throws(Failure) -> [UInt8] {
    let length = Int(contentLengths[0])
    guard length <= TarHeader.blockSize + Manifest.longestText else {
      throw Failure.damaged(at: 0, in: Layout.manifestName, "a first frame of \(length) bytes is not one of a dump")
    }
    return try load(0, length: length, part: Layout.manifestName)
  }

  /// Reads the whole table, which is as long as the layout asks for; throws unless it has exactly those frames.
  func check(against layout: Layout) throws(Failure) {
    // A frame has at least 12 bytes: a header of 5, a block's of 3 and a checksum of 4 (RFC 8878).
    let right = count == layout.frames + 1 && table / 12 >= UInt64(layout.frames)
    if right { try readEntries(through: count) }
    let wrong =
      right
      ? contentLengths.indices.first { frame in
        frame < layout.frames
          ? Int(contentLengths[frame]) != layout.contentLength(ofFrame: frame)
          : contentLengths[frame] != 0 || length(frame) != SkippableFrame.checksumLength
      } : count
    if let wrong {
      throw Failure.damaged(
        at: table, in: Self.part, "its entry \(wrong) does not follow from the manifest")
    }
    guard starts[count] == table else {
      throw Failure.damaged(
        at: table, in: Self.part, "its frames take \(starts[count]) bytes, not the \(table) before it")
    }
  }

  private func length(_ frame: Int) -> Int { Int(starts[frame + 1] - starts[frame]) }

  /// Copies content of a frame, from its byte `start` on, as far as it and the buffer reach; returns how much.
  func copy(
    frame: Int, _ layout: Layout, from start: Int, to buffer: UnsafeMutableRawBufferPointer
  ) throws(Failure) -> Int {
    let part = try content(ofFrame: frame, layout)[start...].prefix(buffer.count)
    buffer.copyBytes(from: part)
    return part.count
  }

  func content(ofFrame frame: Int, _ layout: Layout) throws(Failure) -> [UInt8] {
    if let place = cached.lastIndex(where: { $0.frame == frame }) {
      cached.append(cached.remove(at: place))
    } else {
      if cached.count >= max(2, Self.cacheSize / Int(layout.manifest.frameSize)) {
        cached.removeFirst()
      }
      let content = try load(frame, length: layout.contentLength(ofFrame: frame), part: layout.member(ofFrame: frame))
      cached.append((frame, content))
    }
    return cached[cached.count - 1].content
  }

  private func load(_ frame: Int, length: Int, part: String) throws(Failure) -> [UInt8] {
    let start = starts[frame]
    let storedLength = self.length(frame)
    guard storedLength <= Zstd.bound(length) else {
      throw Failure.damaged(at: start, in: part, "a frame larger than any that is written")
    }
    return try Slot.temporary(contentSize: length, storedSize: storedLength) { slot throws(Failure) in
      slot.contentCount = length
      slot.storedCount = storedLength
      try source(start, slot.stored)
      guard FrameHeader.contentSize(Array(slot.storedBytes.prefix(FrameHeader.longest))) == length else {
        throw Failure.damaged(at: start, in: part, "a frame header other than that of \(length) bytes")
      }
      do throws(Failure) {
        try decompressor.decompress(slot.storedBytes, into: slot.contentBuffer)
      } catch {
        throw error.located(at: start, in: part)
      }
      return Array(slot.contentBytes)
    }
  }
}
