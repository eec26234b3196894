// SPDX-License-Identifier: Apache-2.0
import Report

/// The lengths of the frames that hold the extents' data, in their order.
///
/// In version 2 a frame holds the extents' data of one window of the disk, which is `frameSize` bytes at a multiple of that; a
/// window without data is left out. A change in one window changes one frame, and the others keep their content. In version 1 every frame but the last is full.
struct DataFrames: Sequence, IteratorProtocol {
  private let frameSize: UInt64
  private let isByWindow: Bool
  /// Of the data behind its end, which the last frame has too.
  private let padding: UInt64
  /// What is left to be put into frames of version 1.
  private var left: UInt64
  private var extents: ExtentMap.Iterator
  /// The extent, or the rest of it, that the next frame begins with.
  private var following: ByteRange?

  init(_ manifest: Manifest, _ map: ExtentMap) {
    frameSize = manifest.frameSize
    isByWindow = manifest.version >= 2
    padding = TarHeader.padding(after: map.used)
    left = map.used + padding
    extents = map.makeIterator()
    following = isByWindow ? extents.next() : nil
  }

  mutating func next() -> Int? {
    guard isByWindow else {
      let length = Swift.min(frameSize, left)
      left -= length
      return length > 0 ? Int(length) : nil
    }
    guard let first = following else { return nil }
    let end = (first.offset / frameSize + 1) * frameSize
    var length: UInt64 = 0
    while let extent = following, extent.offset < end {
      length += Swift.min(extent.end, end) - extent.offset
      following =
        extent.end > end ? ByteRange(offset: end, length: extent.end - end) : extents.next()
    }
    return Int(following == nil ? length + padding : length)
  }

  /// How many windows the extents reach into.
  static func windows(_ map: ExtentMap, frameSize: UInt64) -> Int {
    var count: UInt64 = 0
    var next: UInt64 = 0
    for extent in map {
      let first = Swift.max(extent.offset / frameSize, next)
      next = Swift.max((extent.end - 1) / frameSize + 1, first)
      count += next - first
    }
    return Int(count)
  }
}
