// SPDX-License-Identifier: Apache-2.0
import Report

/// The frames of a stored dump by their number, found through its seek table; the last used ones are kept.
final class StoredFrames {
  private let source: DumpIndex.Source
  /// How many the seek table has, and where it begins.
  private let count: Int
  private let table: UInt64
  /// The stored and the content length of each frame: of the first one only, until `check`.
  private var lengths: [(stored: UInt32, content: UInt32)] = []
  /// How much is before every 64th of them.
  private var marks: [Place] = []
  /// Behind those that are read.
  private var end = Place(stored: 0, content: 0)
  private let decompressor: Decompressor
  /// The last used is the last.
  private var cached: [(frame: Int, content: [UInt8])] = []

  private struct Place {
    /// In the stored dump.
    var stored: UInt64
    /// In the tar.
    var content: UInt64
  }

  private static let markedFrames = 64
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
    lengths.reserveCapacity(count)
    let offset = table + UInt64(SkippableFrame.headerLength)
    var done = lengths.count
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
          append(stored: field(0), content: field(4))
        }
      }
      done += some
    }
  }

  private func append(stored: UInt32, content: UInt32) {
    if lengths.count % Self.markedFrames == 0 { marks.append(end) }
    lengths.append((stored, content))
    end.stored += UInt64(stored)
    end.content += UInt64(content)
  }

  /// The manifest's member, with which a dump starts.
  func firstContent() throws(Failure) -> [UInt8] {
    let length = Int(lengths[0].content)
    guard length <= TarHeader.blockSize + Manifest.longestText else {
      throw Failure.damaged(at: 0, in: Layout.manifestName, "a first frame of \(length) bytes is not one of a dump")
    }
    return try load(0, length: length, part: Layout.manifestName)
  }

  /// Reads the whole table, which is as long as the layout asks for; throws unless it has exactly those frames, as far as
  /// the extents need not be known for that.
  func check(against layout: Layout) throws(Failure) {
    // A frame has at least 12 bytes: a header of 5, a block's of 3 and a checksum of 4 (RFC 8878).
    let right = count == layout.frames + 1 && table / 12 >= UInt64(layout.frames)
    if right { try readEntries(through: count) }
    let wrong =
      right
      ? lengths.indices.first { frame in
        frame < layout.frames
          ? !layout.isData(frame) && Int(lengths[frame].content) != layout.contentLength(ofFrame: frame)
          : lengths[frame].content != 0 || Int(lengths[frame].stored) != SkippableFrame.checksumLength
      } : count
    if let wrong {
      throw Failure.damaged(
        at: table, in: Self.part, "its entry \(wrong) does not follow from the manifest")
    }
    guard end.stored == table else {
      throw Failure.damaged(
        at: table, in: Self.part, "its frames take \(end.stored) bytes, not the \(table) before it")
    }
  }

  /// Throws unless the frames of data are those of the extents.
  func check(against layout: Layout, _ extents: ExtentMap) throws(Failure) {
    for (index, length) in DataFrames(layout.manifest, extents).enumerated() {
      let frame = 1 + layout.headFrames + index
      guard layout.isData(frame), Int(lengths[frame].content) == length else {
        throw Failure.damaged(
          at: table, in: Self.part, "its entry \(frame) does not follow from the sparse map")
      }
    }
  }

  private func start(ofFrame frame: Int) -> UInt64 {
    let mark = frame / Self.markedFrames
    return lengths[mark * Self.markedFrames..<frame].reduce(marks[mark].stored) { $0 + UInt64($1.stored) }
  }

  /// The frame with a byte of the tar, and which of its bytes that is.
  private func find(_ position: UInt64) -> (frame: Int, start: Int) {
    var (low, high) = (0, marks.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if marks[middle].content <= position { low = middle } else { high = middle }
    }
    var (frame, start) = (low * Self.markedFrames, marks[low].content)
    while position - start >= UInt64(lengths[frame].content) {
      start += UInt64(lengths[frame].content)
      frame += 1
    }
    return (frame, Int(position - start))
  }

  /// Copies content of a frame, from a byte of the tar on, as far as it and the buffer reach; returns how much.
  func copy(
    from position: UInt64, _ layout: Layout, to buffer: UnsafeMutableRawBufferPointer
  ) throws(Failure) -> Int {
    let (frame, start) = find(position)
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
      let content = try load(frame, length: Int(lengths[frame].content), part: layout.member(ofFrame: frame))
      cached.append((frame, content))
    }
    return cached[cached.count - 1].content
  }

  private func load(_ frame: Int, length: Int, part: String) throws(Failure) -> [UInt8] {
    let start = start(ofFrame: frame)
    let storedLength = Int(lengths[frame].stored)
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
