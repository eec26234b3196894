// SPDX-License-Identifier: Apache-2.0
import Report

/// Makes the tar's content between manifest and trailer, frame by frame: used by one thread at a time, which a pipeline
/// sees to.
final class TarBody: @unchecked Sendable {
  typealias Read = @Sendable (UInt64, UnsafeMutableRawBufferPointer) throws(Failure) -> Void

  private let layout: Layout
  private let read: Read
  private var frame = 1
  private var map: SparseMapText
  /// Bytes of disk.raw's head that the last frame had no room for.
  private var head: [UInt8]
  private var extents: ExtentMap.Iterator
  private var lengths: DataFrames
  /// What is left of the extent that the last frame ended in.
  private var rest: ByteRange?

  init(_ layout: Layout, _ extents: ExtentMap, read: @escaping Read) {
    self.layout = layout
    self.read = read
    map = SparseMapText(extents)
    head = layout.diskHeader
    self.extents = extents.makeIterator()
    lengths = DataFrames(layout.manifest, extents)
  }

  /// Fills the slot with the next frame's content; false when all is made.
  func fill(_ slot: Slot) throws(Failure) -> Bool {
    guard frame < layout.frames - 1 else { return false }
    slot.frame = frame
    if layout.isData(frame) {
      slot.contentCount = lengths.next() ?? 0
      try fillData(slot.contentBuffer)
    } else {
      slot.contentCount = layout.contentLength(ofFrame: frame)
      fillHead(slot.contentBuffer)
    }
    frame += 1
    return true
  }

  private func fillHead(_ content: UnsafeMutableRawBufferPointer) {
    while head.count < content.count, let line = map.next() {
      head += line
    }
    let fitting = min(head.count, content.count)
    content.copyBytes(from: head[..<fitting])
    head.removeFirst(fitting)
    clear(content[fitting...])
  }

  private func fillData(_ content: UnsafeMutableRawBufferPointer) throws(Failure) {
    var filled = 0
    while filled < content.count, let extent = rest ?? extents.next() {
      let length = min(extent.length, UInt64(content.count - filled))
      try read(extent.offset, UnsafeMutableRawBufferPointer(rebasing: content[filled..<filled + Int(length)]))
      filled += Int(length)
      rest = length < extent.length ? ByteRange(offset: extent.offset + length, length: extent.length - length) : nil
    }
    clear(content[filled...])
  }

  private func clear(_ padding: Slice<UnsafeMutableRawBufferPointer>) {
    UnsafeMutableRawBufferPointer(rebasing: padding).initializeMemory(as: UInt8.self, repeating: 0)
  }
}
