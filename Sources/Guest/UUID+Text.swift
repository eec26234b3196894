// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

/// UUIDs in a guest's texts: their letters in either case, and their hyphens also as `\x2d`, the form in the names of units
/// of systemd.
extension UUID {
  /// No form of a UUID in a text is longer, with two backslashes at each hyphen.
  package static let longestForm = 36 + 4 * 4

  package func isNamed(in bytes: UnsafeRawBufferPointer) -> Bool {
    let letters = Array(description.utf8)
    // The first separator is looked for: in what is not text there are few of it.
    for separator in [hyphen, backslash] {
      var start = 0
      while start < bytes.count, let base = bytes.baseAddress,
        let found = memchr(base + start, Int32(separator), bytes.count - start)
      {
        let place = found - UnsafeMutableRawPointer(mutating: base)
        if place >= 8, Self.end(of: letters, from: place - 8, in: bytes) != nil { return true }
        start = place + 1
      }
    }
    return false
  }

  /// The same bytes with `other` wherever this UUID is named, in the form that stands there.
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

  private static func written(_ letters: [UInt8], like form: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
    let isUpper = form.contains { (UInt8(ascii: "A")...UInt8(ascii: "F")).contains($0) }
    let separator = Array(form.dropFirst(8).prefix((form.count - 32) / 4))
    return letters.flatMap { $0 == hyphen ? separator : [isUpper ? $0.inUpperCase : $0] }
  }
}

private let hyphen = UInt8(ascii: "-")
private let backslash = UInt8(ascii: "\\")

extension UInt8 {
  fileprivate var inLowerCase: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 32 : self }
  fileprivate var inUpperCase: UInt8 { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) ? self - 32 : self }
}
