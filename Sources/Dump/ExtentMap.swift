// SPDX-License-Identifier: Apache-2.0
package import Report

/// The extents of a disk that a dump holds, in ascending order; everything between them reads as zeros.
/// Each is made of whole sectors of 512 bytes, except that the last may end with the disk.
///
/// Memory is bounded whatever the disk: an extent takes three or four bytes, neighbours are joined, and when there are
/// more than `limit`, the smallest gaps become part of the dump.
package struct ExtentMap: Sendable {
  package static let limit = 1 << 21
  /// The largest disk there can be, in bytes (1 EiB), so that no sum of sizes overflows.
  package static let largestDisk: UInt64 = 1 << 60

  package let diskSize: UInt64
  /// The bytes of all extents together.
  package private(set) var used: UInt64 = 0

  /// Gap and length of every extent but the last, in sectors of 512 bytes, as LEB128 numbers.
  private var packed: [UInt8] = []
  private var packedCount = 0
  private var packedEnd: UInt64 = 0
  private var marks: [Mark] = []
  /// The extent that the next one may still join.
  private var last: ByteRange?
  /// Gaps of up to this many bytes are taken into the dump.
  private var bridgedGap: UInt64 = 0
  private let limit: Int

  /// A place to start from when an offset is looked up.
  fileprivate struct Mark {
    var position: Int
    var end: UInt64
    var data: UInt64
  }

  package init(diskSize: UInt64) {
    self.init(diskSize: diskSize, limit: Self.limit)
  }

  init(diskSize: UInt64, limit: Int) {
    self.diskSize = diskSize
    self.limit = limit
  }

  package init(diskSize: UInt64, _ extents: some Sequence<ByteRange>) throws(Failure) {
    self.init(diskSize: diskSize)
    for extent in extents {
      try append(extent)
    }
  }

  /// Where the last extent ends.
  package var end: UInt64 { last?.end ?? 0 }

  package var count: Int { packedCount + (last == nil ? 0 : 1) }

  /// Adds an extent behind all others; throws `.invalid` when it is not behind them, is empty, leaves the disk or is
  /// not made of whole sectors.
  package mutating func append(_ extent: ByteRange) throws(Failure) {
    let (newEnd, overflow) = extent.offset.addingReportingOverflow(extent.length)
    guard !overflow, extent.length > 0, newEnd <= diskSize, extent.offset % 512 == 0,
      extent.length % 512 == 0 || newEnd == diskSize, extent.offset >= end
    else {
      throw Failure(
        .invalid,
        "extent of \(extent.length) bytes at \(extent.offset) on a disk of \(diskSize) bytes, after \(end), "
          + "is not the next run of whole sectors")
    }
    add(extent)
    if count > limit {
      bridgeSmallGaps()
    }
  }

  private mutating func add(_ extent: ByteRange) {
    guard let before = last else {
      last = extent
      used = extent.length
      return
    }
    if extent.offset - before.end <= bridgedGap {
      last?.length = extent.end - before.offset
      used += extent.end - before.end
    } else {
      pack(before)
      last = extent
      used += extent.length
    }
  }

  private mutating func pack(_ extent: ByteRange) {
    if packedCount % 128 == 0 {
      marks.append(Mark(position: packed.count, end: packedEnd, data: used - extent.length))
    }
    for var number in [(extent.offset - packedEnd) / 512, extent.length / 512] {
      while number >= 0x80 {
        packed.append(UInt8(number & 0x7F) | 0x80)
        number >>= 7
      }
      packed.append(UInt8(number))
    }
    packedEnd = extent.end
    packedCount += 1
  }

  private mutating func bridgeSmallGaps() {
    while count > limit / 2 {
      var coarser = ExtentMap(diskSize: diskSize, limit: limit)
      coarser.bridgedGap = Swift.max(bridgedGap * 2, 4096)
      for extent in self {
        coarser.add(extent)
      }
      self = coarser
    }
  }
}

extension ExtentMap: Sequence {
  package struct Iterator: IteratorProtocol {
    private let map: ExtentMap
    private var position: Int
    private var end: UInt64
    /// Where the next extent's bytes start in the concatenation of all extents.
    package private(set) var data: UInt64
    private var lastIsDue: Bool

    init(_ map: ExtentMap) {
      self.init(map, from: Mark(position: 0, end: 0, data: 0))
    }

    fileprivate init(_ map: ExtentMap, from mark: Mark) {
      self.map = map
      position = mark.position
      end = mark.end
      data = mark.data
      lastIsDue = map.last != nil
    }

    package mutating func next() -> ByteRange? {
      if position < map.packed.count {
        let offset = end + number() * 512
        let extent = ByteRange(offset: offset, length: number() * 512)
        end = extent.end
        data += extent.length
        return extent
      }
      guard lastIsDue, let last = map.last else { return nil }
      lastIsDue = false
      data += last.length
      return last
    }

    private mutating func number() -> UInt64 {
      var result: UInt64 = 0
      var shift: UInt64 = 0
      while true {
        let byte = map.packed[position]
        position += 1
        result |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return result }
        shift += 7
      }
    }
  }

  package func makeIterator() -> Iterator { Iterator(self) }

  package var underestimatedCount: Int { count }

  /// The extents from a little before `offset` on: none that reaches beyond `offset` is left out.
  package func near(_ offset: UInt64) -> Iterator {
    var low = 0
    var high = marks.count
    while low < high {
      let middle = (low + high) / 2
      if marks[middle].end <= offset { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? makeIterator() : Iterator(self, from: marks[low - 1])
  }
}
