// SPDX-License-Identifier: Apache-2.0

/// On which line each key of a TOML document stands, and which are tables. The parser does not tell lines, and it ends the
/// whole program on a table's header that is none (`[=`); this reads just enough of a document, right or wrong, to find
/// both: keys, and where their values end.
struct Outline {
  private let bytes: [UInt8]
  private var index = 0
  private var line = 1
  /// By the first part of the key, where it stands first.
  private(set) var lines: [String: Int] = [:]
  /// The keys that are tables, by a header, a dot or braces. No key of a configuration is.
  private(set) var tables: [(name: String, line: Int)] = []

  init(_ text: String) {
    bytes = Array(text.utf8)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
    skipBlanks()
    while let byte = current {
      let start = line
      if byte == UInt8(ascii: "#") {
        skipComment()
      } else {
        let isHeader = byte == UInt8(ascii: "[")
        while current == UInt8(ascii: "[") { advance() }
        let name = key()
        let isTable = isHeader || current == UInt8(ascii: ".")
        if lines[name] == nil { lines[name] = start }
        let hasBraces = skipValue()
        if isTable || hasBraces { tables.append((name, start)) }
      }
      skipBlanks()
    }
  }

  private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func advance() {
    if bytes[index] == UInt8(ascii: "\n") { line += 1 }
    index += 1
  }

  /// The first part of a key, bare or quoted.
  private mutating func key() -> String {
    skipSpaces()
    if let quote = current, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      let start = index + 1
      skipString()
      let name = String(decoding: bytes[min(start, index)..<max(start, index - 1)], as: UTF8.self)
      skipSpaces()
      return name
    }
    let start = index
    while let byte = current, !" \t.=[]\r\n".utf8.contains(byte) { advance() }
    let name = String(decoding: bytes[start..<index], as: UTF8.self)
    skipSpaces()
    return name
  }

  /// To the line's end, or further where a string or an array goes on; returns whether there were braces.
  private mutating func skipValue() -> Bool {
    var depth = 0
    var hasBraces = false
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\n") where depth <= 0:
        advance()
        return hasBraces
      case UInt8(ascii: "#"): skipComment()
      case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString()
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        hasBraces = hasBraces || byte == UInt8(ascii: "{")
        advance()
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        advance()
      default: advance()
      }
    }
    return hasBraces
  }

  private mutating func skipSpaces() {
    while let byte = current, " \t".utf8.contains(byte) { advance() }
  }

  private mutating func skipBlanks() {
    while let byte = current, " \t\r\n".utf8.contains(byte) { advance() }
  }

  private mutating func skipComment() {
    while let byte = current, byte != UInt8(ascii: "\n") { advance() }
  }

  /// A string of any of TOML's four kinds.
  private mutating func skipString() {
    guard let quote = current else { return }
    let isLong = bytes[index...].starts(with: [quote, quote, quote])
    let length = isLong ? 3 : 1
    for _ in 0..<length { advance() }
    while let byte = current {
      if byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") {
        advance()
        if current != nil { advance() }
      } else if bytes[index...].starts(with: Array(repeating: quote, count: length)) {
        for _ in 0..<length { advance() }
        // A long string may end with up to two more quotes of its own.
        while isLong, current == quote { advance() }
        return
      } else {
        advance()
      }
    }
  }
}
