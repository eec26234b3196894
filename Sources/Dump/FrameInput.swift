// SPDX-License-Identifier: Apache-2.0
import Report

/// The frames of a dump behind its manifest, as the layout says they must be: filled by one thread at a time, decoded
/// by any.
final class FrameInput: @unchecked Sendable {
  private let stream: StoredStream
  let layout: Layout
  private let isCompressed: Bool
  /// The number of the frame that comes next.
  private(set) var next: Int
  /// The lengths of those with data that are still to come.
  private var data: DataFrames?

  /// Those before the data.
  init(_ stream: StoredStream, _ layout: Layout, isCompressed: Bool) {
    self.stream = stream
    self.layout = layout
    self.isCompressed = isCompressed
    next = 1
  }

  /// Those from the data on.
  init(_ stream: StoredStream, _ layout: Layout, isCompressed: Bool, _ extents: ExtentMap) {
    self.stream = stream
    self.layout = layout
    self.isCompressed = isCompressed
    next = 1 + layout.headFrames
    data = DataFrames(layout.manifest, extents)
  }

  /// Gives `body` memory for frames of up to `contentSize` bytes.
  func withSlot<Result>(
    _ contentSize: Int, _ body: (Slot) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try Slot.temporary(contentSize: contentSize, storedSize: isCompressed ? Zstd.bound(contentSize) : 0, body)
  }

  /// Reads the next frame, or of a plain tar as many bytes as a frame would hold.
  func fill(_ slot: Slot) throws(Failure) {
    slot.frame = next
    slot.start = stream.offset
    slot.contentCount = layout.isData(next) ? data?.next() ?? 0 : layout.contentLength(ofFrame: next)
    let part = part(next)
    if isCompressed {
      let length = try stream.readFrame(into: slot.stored, part: part)
      guard length.content == slot.contentCount else {
        throw .damaged(
          at: slot.start, in: part, "a frame of \(length.content) bytes where \(slot.contentCount) would be right")
      }
      slot.storedCount = length.stored
    } else {
      try stream.read(into: slot.contentBuffer, part: part)
    }
    next += 1
  }

  func decode(_ slot: Slot, _ decompressor: Decompressor) throws(Failure) {
    guard isCompressed else { return }
    do {
      try decompressor.decompress(slot.storedBytes, into: slot.contentBuffer)
    } catch {
      throw error.located(at: slot.start, in: part(slot.frame))
    }
  }

  /// What a frame is, for messages.
  func part(_ frame: Int) -> String {
    isCompressed ? "\(layout.member(ofFrame: frame)) (frame \(frame))" : layout.member(ofFrame: frame)
  }
}

/// Takes the tar's content from disk.raw's first header to the end of its sparse map.
struct SparseMapHead {
  private let header: [UInt8]
  private var parser: SparseMapParser
  private var headerLeft: Int
  private var mapLeft: UInt64
  private let manifest: Manifest

  init(_ layout: Layout) {
    header = layout.diskHeader
    headerLeft = header.count
    mapLeft = layout.manifest.mapLength
    manifest = layout.manifest
    parser = SparseMapParser(diskSize: manifest.diskSize)
  }

  mutating func consume(_ bytes: some RandomAccessCollection<UInt8>) throws(Failure) {
    let headerPart = bytes.prefix(headerLeft)
    guard headerPart.elementsEqual(header.suffix(headerLeft).prefix(headerPart.count)) else {
      throw .unsound("disk.raw has headers that do not follow from the manifest")
    }
    headerLeft -= headerPart.count
    let mapPart = bytes.dropFirst(headerPart.count).prefix(Int(mapLeft))
    try parser.consume(mapPart)
    mapLeft -= UInt64(mapPart.count)
    guard bytes.dropFirst(headerPart.count + mapPart.count).allSatisfy({ $0 == 0 }) else {
      throw .unsound("the sparse map is longer than the manifest says")
    }
  }

  consuming func finish() throws(Failure) -> ExtentMap {
    let manifest = manifest
    let map = try parser.finish()
    guard map.used == manifest.used, UInt64(map.count) == manifest.extents else {
      throw .unsound(
        "the sparse map has \(map.count) extents with \(map.used) bytes, "
          + "the manifest says \(manifest.extents) with \(manifest.used)")
    }
    let frames =
      manifest.version == 1 ? manifest.dataFrames : DataFrames.windows(map, frameSize: manifest.frameSize)
    guard frames == manifest.dataFrames else {
      throw .unsound("the sparse map makes \(frames) frames, the manifest says \(manifest.dataFrames)")
    }
    return map
  }
}
