// SPDX-License-Identifier: Apache-2.0
package import Report

/// What a filesystem uses, by its own records of what is free or taken.
package struct UsedSpace {
  /// In bytes from its beginning, ascending.
  package private(set) var ranges: [ByteRange] = []
  private let size: UInt64

  /// Reads bytes of the filesystem; fewer at its end.
  package typealias Reading = (ByteRange) throws(Failure) -> [UInt8]

  /// More ranges than this are not kept in mind.
  private static let mostRanges = 1 << 20

  /// - Parameters:
  ///   - type: as blkid(8) names it.
  ///   - size: of what the filesystem is in, in bytes.
  /// - Returns: nil for a filesystem whose records are not known, are not at one with each other, or are not all: where it was
  ///   not unmounted its log holds more.
  package init?(of type: String, size: UInt64, _ read: @escaping Reading) {
    self.size = size
    do throws(Unsound) {
      let source = FilesystemBytes(size: size, read)
      switch type {
      case "vfat": try FATSpace(source).each { range throws(Unsound) in try take(range) }
      case "xfs": try XFSSpace(source).each { range throws(Unsound) in try take(range) }
      case "btrfs": for range in try BtrfsSpace(source).used() { try take(range) }
      default: return nil
      }
    } catch {
      return nil
    }
  }

  private mutating func take(_ range: ByteRange) throws(Unsound) {
    guard range.offset <= size, range.length <= size - range.offset else { throw Unsound() }
    if let last = ranges.last, range.offset <= last.end {
      guard range.offset >= last.offset else { throw Unsound() }
      ranges[ranges.count - 1].length = max(last.end, range.end) - last.offset
    } else if range.length > 0 {
      guard ranges.count < Self.mostRanges else { throw Unsound() }
      ranges.append(range)
    }
  }
}

/// A filesystem whose records are not to be believed.
struct Unsound: Error {}

/// Where a filesystem is read from.
struct FilesystemBytes {
  let size: UInt64
  private let read: UsedSpace.Reading

  init(size: UInt64, _ read: @escaping UsedSpace.Reading) {
    self.size = size
    self.read = read
  }

  func record(at offset: UInt64, _ count: Int) throws(Unsound) -> DiskRecord {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= size,
      let bytes = try? read(ByteRange(offset: offset, length: UInt64(count))), bytes.count == count
    else { throw Unsound() }
    return DiskRecord(bytes)
  }
}

/// Bytes of a disk, as fields.
struct DiskRecord {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private func field(_ offset: Int, _ width: Int) throws(Unsound) -> ArraySlice<UInt8> {
    guard offset >= 0, width <= bytes.count, offset <= bytes.count - width else { throw Unsound() }
    return bytes[offset..<offset + width]
  }

  func little(_ offset: Int, _ width: Int) throws(Unsound) -> UInt64 {
    try field(offset, width).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  func big(_ offset: Int, _ width: Int) throws(Unsound) -> UInt64 {
    try field(offset, width).reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// Numbers of a disk, which may be too large for a sum or a product.
func sum(_ one: UInt64, _ other: UInt64) throws(Unsound) -> UInt64 {
  let (sum, overflow) = one.addingReportingOverflow(other)
  guard !overflow else { throw Unsound() }
  return sum
}

func product(_ one: UInt64, _ other: UInt64) throws(Unsound) -> UInt64 {
  let (product, overflow) = one.multipliedReportingOverflow(by: other)
  guard !overflow else { throw Unsound() }
  return product
}
