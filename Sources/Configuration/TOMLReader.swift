// SPDX-License-Identifier: Apache-2.0
import Report

/// Reads TOML 1.0 as far as a configuration has it: keys at the top of the document, each with its value and its line.
///
/// Tables, dates and whatever else no key takes are read to their ends and told as what they are. Nothing of a value
/// is in a fault: it may be a secret.
struct TOMLReader {
  struct Entry: Sendable, Equatable {
    let name: String
    let value: Value
    let line: Int
  }

  struct Fault: Error, Equatable {
    let line: Int
    let words: String
  }

  private(set) var entries: [Entry] = []
  private var input: TOMLInput
  /// What is set at the top, to find what is set twice.
  private var names: Set<String> = []

  init(_ text: String) throws(Fault) {
    input = TOMLInput(text)
    var isInTable = false
    while true {
      try input.skipEmptyLines()
      guard let byte = input.current else { return }
      let line = input.line
      if byte == UInt8(ascii: "[") {
        entries.append(Entry(name: try header(), value: .other("a table"), line: line))
        isInTable = true
      } else {
        let (name, isDotted) = try keyPath()
        try expect("=", "after a key")
        input.skipSpaces()
        let value = try value(depth: 0)
        if !isInTable {
          guard isDotted || names.insert(name).inserted else {
            throw Fault(line: line, words: "\(name.quoted) is set twice")
          }
          entries.append(Entry(name: name, value: isDotted ? .other("a table") : value, line: line))
        }
      }
      try input.endLine()
    }
  }

  /// `[name]`, `[[name]]`
  private mutating func header() throws(Fault) -> String {
    var depth = 0
    while depth < 2, input.skip("[") { depth += 1 }
    let name = try keyPath().name
    for _ in 0..<depth { try expect("]", "after the name of a table") }
    return name
  }

  /// The first part of a key, and whether there are more.
  private mutating func keyPath() throws(Fault) -> (name: String, isDotted: Bool) {
    let name = try keyPart()
    var isDotted = false
    while input.skip(".") {
      isDotted = true
      _ = try keyPart()
    }
    return (name, isDotted)
  }

  private mutating func keyPart() throws(Fault) -> String {
    input.skipSpaces()
    defer { input.skipSpaces() }
    if input.current == UInt8(ascii: "\"") || input.current == UInt8(ascii: "'") {
      return try input.string(mayBeLong: false)
    }
    let name = input.take { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard !name.isEmpty else { throw input.fault("the name of a key is missing") }
    return name
  }

  private mutating func expect(_ character: String, _ place: String) throws(Fault) {
    guard input.skip(character) else { throw input.fault("\(character.quoted) is missing \(place)") }
  }

  private mutating func value(depth: Int) throws(Fault) -> Value {
    guard depth < 32 else { throw input.fault("lists are nested too deeply") }
    switch input.current {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .text(try input.string(mayBeLong: true))
    case UInt8(ascii: "["): return try list(depth: depth)
    case UInt8(ascii: "{"): return try inlineTable(depth: depth)
    default:
      guard let value = TOMLScalar.parse(input.scalar()) else {
        throw input.fault("this is not a value; a string is in double quotes")
      }
      return value
    }
  }

  private mutating func list(depth: Int) throws(Fault) -> Value {
    _ = input.skip("[")
    var texts: [String]? = []
    while true {
      try input.skipEmptyLines()
      if input.skip("]") { break }
      if case .text(let text) = try value(depth: depth + 1) { texts?.append(text) } else { texts = nil }
      try input.skipEmptyLines()
      guard !input.skip(",") else { continue }
      try expect("]", "at the end of a list")
      break
    }
    return texts.map { .list($0) } ?? .other("a list of something other than strings")
  }

  private mutating func inlineTable(depth: Int) throws(Fault) -> Value {
    _ = input.skip("{")
    input.skipSpaces()
    if input.skip("}") { return .other("a table") }
    repeat {
      _ = try keyPath()
      try expect("=", "after a key")
      input.skipSpaces()
      _ = try value(depth: depth + 1)
      input.skipSpaces()
    } while input.skip(",")
    try expect("}", "at the end of a table")
    return .other("a table")
  }
}
