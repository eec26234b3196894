// SPDX-License-Identifier: Apache-2.0

extension JSON {
  /// Where a text is not what it should be.
  package struct SyntaxError: Error, Equatable {
    /// In bytes from the start of the text.
    package var offset: Int
    package var expected: String
  }

  /// The first member of that name; nil if it has none, or is not an object.
  package subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var integer: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  package var array: [JSON]? {
    if case .array(let value) = self { value } else { nil }
  }

  /// Reads one value with nothing behind it, strictly: numbers are whole and not negative, each key is once in its
  /// object, and nothing is deeper than 16 levels.
  package init(parsing text: [UInt8]) throws(SyntaxError) {
    var parser = JSONParser(text)
    self = try parser.document()
  }
}

private struct JSONParser {
  private let text: [UInt8]
  private var position = 0

  init(_ text: [UInt8]) {
    self.text = text
  }

  mutating func document() throws(JSON.SyntaxError) -> JSON {
    let value = try value(depth: 0)
    skipSpace()
    guard position == text.count else { throw expected("the end") }
    return value
  }

  private func expected(_ what: String) -> JSON.SyntaxError {
    JSON.SyntaxError(offset: position, expected: what)
  }

  private var next: UInt8? { position < text.count ? text[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) {
      position += 1
    }
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func require(_ character: Unicode.Scalar) throws(JSON.SyntaxError) {
    guard skip(character) else { throw expected("'\(character)'") }
  }

  private mutating func value(depth: Int) throws(JSON.SyntaxError) -> JSON {
    guard depth < 16 else { throw expected("no more than 16 levels") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .integer(try number())
    default:
      for (word, value) in [("null", JSON.null), ("true", .bool(true)), ("false", .bool(false))]
      where text[position...].starts(with: word.utf8) {
        position += word.utf8.count
        return value
      }
      throw expected("a value")
    }
  }

  private mutating func object(depth: Int) throws(JSON.SyntaxError) -> JSON {
    try require("{")
    var members: [JSON.Member] = []
    var keys: Set<String> = []
    if skip("}") { return .object(members) }
    repeat {
      skipSpace()
      let key = try string()
      guard keys.insert(key).inserted else { throw expected("each key once") }
      try require(":")
      members.append(JSON.Member(key: key, value: try value(depth: depth + 1)))
    } while skip(",")
    try require("}")
    return .object(members)
  }

  private mutating func array(depth: Int) throws(JSON.SyntaxError) -> JSON {
    try require("[")
    var elements: [JSON] = []
    if skip("]") { return .array(elements) }
    repeat {
      elements.append(try value(depth: depth + 1))
    } while skip(",")
    try require("]")
    return .array(elements)
  }

  private mutating func number() throws(JSON.SyntaxError) -> Int {
    let start = position
    var value = 0
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
      guard !overflow, !carry else { throw expected("a number below 2^63") }
      value = sum
      position += 1
    }
    let isWhole = next.map { ![UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains($0) } ?? true
    guard isWhole, text[start] != UInt8(ascii: "0") || position == start + 1 else { throw expected("a whole number") }
    return value
  }

  private mutating func string() throws(JSON.SyntaxError) -> String {
    guard next == UInt8(ascii: "\"") else { throw expected("'\"'") }
    position += 1
    var bytes: [UInt8] = []
    while let byte = next, byte >= 0x20 {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: bytes, as: UTF8.self) else { throw expected("UTF-8") }
        return string
      case UInt8(ascii: "\\"): bytes += String(try escape()).utf8
      default: bytes.append(byte)
      }
    }
    throw expected("the end of a string")
  }

  private mutating func escape() throws(JSON.SyntaxError) -> Unicode.Scalar {
    let character = next
    position += 1
    switch character {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{08}"
    case UInt8(ascii: "f"): return "\u{0C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard text[position...].starts(with: "\\u".utf8) else { throw expected("the second half of a pair") }
        position += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw expected("the second half of a pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw expected("a character") }
      return scalar
    default:
      throw expected("an escape")
    }
  }

  private mutating func hexadecimal() throws(JSON.SyntaxError) -> UInt32 {
    let digits = text[position...].prefix(4)
    guard digits.count == 4, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw expected("four hexadecimal digits") }
    position += 4
    return value
  }
}
