// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The words of a line of sources.list(5), split and unquoted as apt does it: a blank in "…" or […] is part of a word, and
/// %20 stands for the byte of that number.
struct AptWords {
  private var rest: ArraySlice<UInt8>
  /// The file and line, for messages.
  private let place: String

  init(_ line: some StringProtocol, place: String) {
    rest = Self.withoutComment(Array(line.utf8))[...]
    self.place = place
    skipBlanks()
  }

  var isAtEnd: Bool { rest.isEmpty }

  /// Goes behind `character` when that comes next.
  mutating func skip(_ character: Character) -> Bool {
    guard let byte = character.asciiValue, rest.first == byte else { return false }
    rest.removeFirst()
    skipBlanks()
    return true
  }

  /// The next word; nil at the end.
  ///
  /// - Throws: `.invalid` where a quote or a bracket is not closed.
  mutating func next() throws(Failure) -> String? {
    if rest.isEmpty { return nil }
    var end = rest.startIndex
    while end < rest.endIndex, !isBlank(rest[end]) {
      let closing: UInt8? =
        switch rest[end] {
        case UInt8(ascii: "\""): UInt8(ascii: "\"")
        case UInt8(ascii: "["): UInt8(ascii: "]")
        default: nil
        }
      if let closing {
        guard let found = rest[(end + 1)...].firstIndex(of: closing) else {
          let character = Character(UnicodeScalar(closing))
          throw Failure(.invalid, "\(place): \(character) is missing")
        }
        end = found
      }
      end += 1
    }
    let word = rest[..<end]
    rest = rest[end...]
    skipBlanks()
    return String(decoding: Self.unquoted(word), as: UTF8.self)
  }

  private mutating func skipBlanks() {
    rest = rest.drop(while: isBlank)
  }

  private static func unquoted(_ word: ArraySlice<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    var index = word.startIndex
    while index < word.endIndex {
      if word[index] == UInt8(ascii: "%"), index + 2 < word.endIndex,
        let byte = UInt8(String(decoding: word[index + 1...index + 2], as: UTF8.self), radix: 16)
      {
        bytes.append(byte)
        index += 2
      } else if word[index] != UInt8(ascii: "\"") {
        bytes.append(word[index])
      }
      index += 1
    }
    return bytes
  }

  /// A `#` in brackets begins no comment.
  private static func withoutComment(_ line: [UInt8]) -> [UInt8] {
    var depth = 0
    for (index, byte) in line.enumerated() {
      if byte == UInt8(ascii: "[") { depth += 1 }
      if byte == UInt8(ascii: "]") { depth -= 1 }
      if byte == UInt8(ascii: "#"), depth <= 0 { return Array(line[..<index]) }
    }
    return line
  }
}

private func isBlank(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: " ") || (9...13).contains(byte)
}
