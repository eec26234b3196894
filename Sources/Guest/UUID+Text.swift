// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

/// UUIDs in a guest's texts: their letters in either case, and their hyphens also as `\x2d`, the form in the names of units
/// of systemd.
extension UUID {
  /// No form of a UUID in a text is longer, with two backslashes at each hyphen.
  package static let longestForm = 36 + 4 * 4

  /// Those of `uuids` that are named in the bytes.
  package static func named(among uuids: Set<UUID>, in bytes: UnsafeRawBufferPointer) -> Set<UUID> {
    var named: Set<UUID> = []
    // The first separator is looked for: in what is not text there are few of it.
    for separator in [hyphen, backslash] {
      var start = 0
      while start < bytes.count, let base = bytes.baseAddress,
        let found = memchr(base + start, Int32(separator), bytes.count - start)
      {
        let place = found - UnsafeMutableRawPointer(mutating: base)
        start = place + 1
        guard let head = head(before: place, in: bytes) else { continue }
        for uuid in uuids where uuid.bytes.starts(with: head) {
          if end(of: Array(uuid.description.utf8), from: place - 8, in: bytes) != nil { named.insert(uuid) }
        }
      }
    }
    return named
  }

  /// The four bytes for which the eight digits before a place stand; nil where there are not as many.
  private static func head(before place: Int, in bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    guard place >= 8 else { return nil }
    var value: UInt32 = 0
    for byte in bytes[place - 8..<place] {
      guard let digit = byte.digit else { return nil }
      value = value << 4 | digit
    }
    return (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
  }

  /// As many bytes, with `other` wherever this UUID is named, in the form that stands there.
  package func replaced(by other: UUID, in bytes: [UInt8]) -> [UInt8] {
    let (letters, others) = (Array(description.utf8), Array(other.description.utf8))
    return bytes.withUnsafeBytes { bytes in
      var result: [UInt8] = []
      result.reserveCapacity(bytes.count)
      var index = 0
      while index < bytes.count {
        if let end = Self.end(of: letters, from: index, in: bytes) {
          result += Self.written(others, like: bytes[index..<end])
          index = end
        } else {
          result.append(bytes[index])
          index += 1
        }
      }
      return result
    }
  }

  /// Where the form of a UUID that begins at `start` ends; nil where none begins there.
  ///
  /// - Parameter letters: the UUID in lower case.
  private static func end(of letters: [UInt8], from start: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
    var index = start
    for letter in letters {
      guard index < bytes.count else { return nil }
      if letter == hyphen, bytes[index] == backslash {
        while index < bytes.count, bytes[index] == backslash { index += 1 }
        guard bytes[index...].starts(with: "x2d".utf8) else { return nil }
        index += 3
      } else {
        guard bytes[index].inLowerCase == letter else { return nil }
        index += 1
      }
    }
    return index
  }

  /// In the form of another, and as long.
  private static func written(_ letters: [UInt8], like form: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
    let isUpper = form.contains { (UInt8(ascii: "A")...UInt8(ascii: "F")).contains($0) }
    var (result, index) = (Array(form), 0)
    for letter in letters {
      if letter == hyphen, result[index] == backslash {
        while result[index] == backslash { index += 1 }
        index += 3
      } else {
        result[index] = isUpper ? letter.inUpperCase : letter
        index += 1
      }
    }
    return result
  }
}

private let hyphen = UInt8(ascii: "-")
private let backslash = UInt8(ascii: "\\")

extension UInt8 {
  fileprivate var inLowerCase: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 32 : self }
  fileprivate var digit: UInt32? {
    switch inLowerCase {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(self - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(inLowerCase - UInt8(ascii: "a")) + 10
    default: nil
    }
  }

  fileprivate var inUpperCase: UInt8 { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) ? self - 32 : self }
}
