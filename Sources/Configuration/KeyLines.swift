// SPDX-License-Identifier: Apache-2.0

/// On which line each top-level key of a TOML document stands. The parser does not tell; this reads just enough of a
/// document that the parser has accepted: keys, and where their values end.
struct KeyLines {
  private let bytes: [UInt8]
  private var index = 0
  private var line = 1
  private(set) var lines: [String: Int] = [:]

  init(_ text: String) {
    bytes = Array(text.utf8)
    var isInTable = false
    while index < bytes.count {
      skipBlanks()
      switch current {
      case nil: break
      case UInt8(ascii: "#"): skipComment()
      case UInt8(ascii: "["):
        while current == UInt8(ascii: "[") { advance() }
        skipBlanks()
        record(key())
        isInTable = true
        skipValue()
      default:
        let name = key()
        if !isInTable { record(name) }
        skipValue()
      }
    }
  }

  private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func advance() {
    if bytes[index] == UInt8(ascii: "\n") { line += 1 }
    index += 1
  }

  private mutating func record(_ name: String) {
    if lines[name] == nil { lines[name] = line }
  }

  /// The first part of a key, bare or quoted.
  private mutating func key() -> String {
    if let quote = current, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
      let start = index + 1
      skipString()
      return String(decoding: bytes[min(start, index)..<max(start, index - 1)], as: UTF8.self)
    }
    let start = index
    while let byte = current, !" \t.=]\r\n".utf8.contains(byte) { advance() }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  /// To the line's end, or further where a string or an array goes on.
  private mutating func skipValue() {
    var depth = 0
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\n") where depth <= 0:
        advance()
        return
      case UInt8(ascii: "#"): skipComment()
      case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString()
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        advance()
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        advance()
      default: advance()
      }
    }
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
