// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A UUID as text names it: its letters in either case, and its hyphens also as `\x2d`, the form in the names of units
/// of systemd.
package struct UUIDText: Hashable, Sendable {
  /// No form of a UUID is longer, with two backslashes at each hyphen.
  package static let longest = 36 + 4 * 4
  /// In lower case, with hyphens.
  private let letters: [UInt8]

  /// - Parameter text: 32 hexadecimal digits, in groups of 8, 4, 4, 4 and 12; not all of them zeros.
  package init?(_ text: String) {
    letters = Array(text.lowercased().utf8)
    let isRight = letters.enumerated().allSatisfy { index, byte in
      Self.hyphens.contains(index) ? byte == hyphen : byte.isHexadecimalDigit
    }
    guard letters.count == 36, isRight, letters.contains(where: { !"-0".utf8.contains($0) }) else { return nil }
  }

  private static let hyphens: Set = [8, 13, 18, 23]

  package var text: String { String(decoding: letters, as: UTF8.self) }

  package func isNamed(in bytes: UnsafeRawBufferPointer) -> Bool {
    // The first separator is looked for: in what is not text there are few of it.
    for separator in [hyphen, backslash] {
      var start = 0
      while start < bytes.count, let base = bytes.baseAddress,
        let found = memchr(base + start, Int32(separator), bytes.count - start)
      {
        let place = found - UnsafeMutableRawPointer(mutating: base)
        if place >= 8, end(of: place - 8, in: bytes) != nil { return true }
        start = place + 1
      }
    }
    return false
  }

  /// The same bytes with `other` wherever this UUID is named, in the form that stands there.
  package func replaced(by other: UUIDText, in bytes: [UInt8]) -> [UInt8] {
    bytes.withUnsafeBytes { bytes in
      var result: [UInt8] = []
      result.reserveCapacity(bytes.count)
      var index = 0
      while index < bytes.count {
        if let end = end(of: index, in: bytes) {
          result += other.written(like: bytes[index..<end])
          index = end
        } else {
          result.append(bytes[index])
          index += 1
        }
      }
      return result
    }
  }

  /// Where a name of the UUID that begins at `start` ends; nil where none begins there.
  private func end(of start: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
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

  private func written(like form: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
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
  fileprivate var isHexadecimalDigit: Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(inLowerCase)
  }
}
