// SPDX-License-Identifier: Apache-2.0
import Report

/// The sparse map of GNU tar's pax format 1.0 as text: the number of entries, then offset and length of each, every
/// number in decimal on a line of its own. A disk that ends with a hole has an entry of length 0 at its end.
struct SparseMapText: Sequence, IteratorProtocol {
  private var extents: ExtentMap.Iterator
  private var ending: ByteRange?
  private var first: Int?

  init(_ map: ExtentMap) {
    extents = map.makeIterator()
    ending = map.endsWithHole ? ByteRange(offset: map.diskSize, length: 0) : nil
    first = map.count + (ending == nil ? 0 : 1)
  }

  mutating func next() -> [UInt8]? {
    if let count = first {
      first = nil
      return Array("\(count)\n".utf8)
    }
    if let extent = extents.next() {
      return Array("\(extent.offset)\n\(extent.length)\n".utf8)
    }
    defer { ending = nil }
    return ending.map { Array("\($0.offset)\n\($0.length)\n".utf8) }
  }
}

extension ExtentMap {
  fileprivate var endsWithHole: Bool { end < diskSize }

  /// Bytes of the map's text, without padding.
  var textLength: UInt64 {
    SparseMapText(self).reduce(0) { $0 + UInt64($1.count) }
  }
}

/// Reads a sparse map as it comes, in pieces of any size; accepts only what `SparseMapText` would write.
struct SparseMapParser {
  private(set) var map: ExtentMap
  private var number: UInt64?
  private var offset: UInt64?
  private var expected: UInt64?
  private var entries: UInt64 = 0
  private var isEnded = false

  init(diskSize: UInt64) {
    map = ExtentMap(diskSize: diskSize)
  }

  mutating func consume(_ bytes: some Sequence<UInt8>) throws(Failure) {
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let digit = UInt64(byte - UInt8(ascii: "0"))
        guard number != 0, (number ?? 0) < ExtentMap.largestDisk else { throw Self.flaw("a number that is not a size") }
        number = (number ?? 0) * 10 + digit
      case UInt8(ascii: "\n"):
        guard let number else { throw Self.flaw("an empty line") }
        self.number = nil
        try take(number)
      default:
        throw Self.flaw("the byte \(byte), which is not a digit")
      }
    }
  }

  private mutating func take(_ number: UInt64) throws(Failure) {
    guard let expected else {
      guard number <= ExtentMap.limit + 1 else { throw Self.flaw("\(number) entries") }
      expected = number
      return
    }
    guard let start = offset else {
      guard entries < expected, !isEnded else { throw Self.flaw("more than its \(expected) entries") }
      offset = number
      return
    }
    offset = nil
    entries += 1
    if number == 0, start == map.diskSize {
      isEnded = true
      return
    }
    let count = map.count
    do {
      try map.append(ByteRange(offset: start, length: number))
    } catch {
      throw Self.flaw("an \(error.message)")
    }
    guard map.count == count + 1 else { throw Self.flaw("two entries without a gap at \(start)") }
  }

  /// The whole map; throws unless all of it was there.
  consuming func finish() throws(Failure) -> ExtentMap {
    guard number == nil, offset == nil, entries == expected, isEnded == map.endsWithHole else {
      throw Self.flaw("\(entries) whole entries where it announces \(expected ?? 0)")
    }
    return map
  }

  private static func flaw(_ what: String) -> Failure {
    .unsound("the sparse map of disk.raw has \(what)")
  }
}
