// SPDX-License-Identifier: Apache-2.0

/// The bytes of a TOML document, and where one is in them.
struct TOMLInput {
  private let bytes: [UInt8]
  private var index = 0
  private(set) var line = 1

  init(_ text: String) {
    bytes = Array(text.utf8)
    // The mark that some editors put at the beginning.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
  }

  var current: UInt8? { index < bytes.count ? bytes[index] : nil }

  func fault(_ words: String) -> TOMLReader.Fault {
    TOMLReader.Fault(line: line, words: words)
  }

  mutating func skip(_ text: String) -> Bool {
    guard bytes[index...].starts(with: text.utf8) else { return false }
    index += text.utf8.count
    return true
  }

  mutating func take(while condition: (UInt8) -> Bool) -> String {
    let start = index
    while let byte = current, condition(byte) { index += 1 }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  mutating func skipSpaces() {
    while current == UInt8(ascii: " ") || current == UInt8(ascii: "\t") { index += 1 }
  }

  mutating func skipNewline() -> Bool {
    guard skip("\n") || skip("\r\n") else { return false }
    line += 1
    return true
  }

  /// Blanks, comments and line ends.
  mutating func skipEmptyLines() throws(TOMLReader.Fault) {
    repeat {
      skipSpaces()
      try skipComment()
    } while skipNewline()
  }

  /// What may follow a value on its line.
  mutating func endLine() throws(TOMLReader.Fault) {
    skipSpaces()
    try skipComment()
    guard skipNewline() || current == nil else { throw fault("only a comment may follow a value on its line") }
  }

  private mutating func skipComment() throws(TOMLReader.Fault) {
    guard current == UInt8(ascii: "#") else { return }
    while let byte = current, byte != UInt8(ascii: "\n"), !bytes[index...].starts(with: "\r\n".utf8) {
      if isControl(byte) { throw fault("a comment contains a control character") }
      index += 1
    }
  }

  /// A number, a date, a word: what is neither a string nor in brackets.
  mutating func scalar() -> String {
    func ends(_ byte: UInt8) -> Bool { " \t\r\n,]}#=".utf8.contains(byte) }
    var text = take { !ends($0) }
    // A date and a time may have a blank between them.
    let rest = bytes[index...].dropFirst().prefix(3)
    if text.utf8.count == 10, text.contains("-"), current == UInt8(ascii: " "), rest.last == UInt8(ascii: ":") {
      index += 1
      text += "T" + take { !ends($0) }
    }
    return text
  }

  /// A string of one of TOML's four kinds, from its first quote to behind its last.
  mutating func string(mayBeLong: Bool) throws(TOMLReader.Fault) -> String {
    let quote = current == UInt8(ascii: "'") ? "'" : "\""
    let isLong = mayBeLong && skip(quote + quote + quote)
    if isLong { _ = skipNewline() } else { _ = skip(quote) }
    let end = isLong ? quote + quote + quote : quote
    var text: [UInt8] = []
    while let byte = current {
      if skip(end) {
        // Up to two quotes may stand before the last three.
        for _ in 0..<2 where isLong && skip(quote) { text += quote.utf8 }
        return String(decoding: text, as: UTF8.self)
      }
      if byte == UInt8(ascii: "\\"), quote == "\"" {
        index += 1
        if isLong && skipFoldedLines() { continue }
        text += try escape()
      } else if isLong && skipNewline() {
        text.append(UInt8(ascii: "\n"))
      } else {
        if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { break }
        if isControl(byte) { throw fault("a string contains a control character") }
        text.append(byte)
        index += 1
      }
    }
    throw fault("the quote at the end of a string is missing")
  }

  /// Behind a backslash at the end of a line: all blanks and line ends up to the next word.
  private mutating func skipFoldedLines() -> Bool {
    let start = (index, line)
    skipSpaces()
    guard skipNewline() else {
      (index, line) = start
      return false
    }
    repeat { skipSpaces() } while skipNewline()
    return true
  }

  /// What the characters after a backslash mean.
  private mutating func escape() throws(TOMLReader.Fault) -> [UInt8] {
    let plain: [(String, UInt8)] = [
      ("b", 0x08), ("t", 0x09), ("n", 0x0A), ("f", 0x0C), ("r", 0x0D), ("\"", 0x22), ("\\", 0x5C),
    ]
    for (letter, byte) in plain where skip(letter) { return [byte] }
    let length = skip("u") ? 4 : skip("U") ? 8 : 0
    let digits = String(decoding: bytes[index...].prefix(length), as: UTF8.self)
    guard length > 0, digits.utf8.count == length, digits.allSatisfy(\.isHexDigit),
      let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init)
    else { throw fault("a backslash in a string is not followed by b, t, n, f, r, u, U, \" or \\") }
    index += length
    return Array(String(scalar).utf8)
  }

  private func isControl(_ byte: UInt8) -> Bool {
    (byte < 0x20 && byte != 0x09) || byte == 0x7F
  }
}
