// SPDX-License-Identifier: Apache-2.0
internal import Glibc
import Report
internal import TOMLKit

/// A TOML file as keys, values and lines.
struct Document {
  let path: String
  private(set) var entries: [(name: String, value: Value, line: Int?)] = []

  /// The most that a configuration may be: everything is read into memory.
  static let limit = 1 << 20

  /// - Throws: `.invalid` where it is no TOML, with file and line.
  init(_ bytes: [UInt8], path: String) throws(Failure) {
    self.path = path
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.invalid, "\(path) is no text in UTF-8")
    }
    // The parser takes a C string: what follows a NUL would be lost without a word.
    guard !bytes.contains(0), !text.contains("\\u0000"), !text.contains("\\U00000000") else {
      throw Failure(.invalid, "\(path) holds a NUL character")
    }
    let outline = Outline(text)
    // A table is refused in any case, by its name or since no key takes one: the parser need not see it.
    guard outline.tables.isEmpty else {
      entries = outline.tables.map { ($0.name, .other("a table"), $0.line) }
      return
    }
    let table: TOMLTable
    do {
      table = try TOMLTable(string: text)
    } catch let error as TOMLParseError {
      throw Failure(
        .invalid, "\(path):\(error.source.begin.line): no TOML: \(error.description.escaped)",
        remedy: "write each key as: name = value, with texts in double quotes")
    } catch {
      throw Failure(.invalid, "\(path): no TOML: \("\(error)".escaped)")
    }
    for name in table.keys {
      guard let value = table[name] else { continue }
      entries.append((name, Self.value(of: value), outline.lines[name]))
    }
    entries.sort { ($0.line ?? 0, $0.name) < ($1.line ?? 0, $1.name) }
  }

  /// Reads a file; nothing where there is none.
  static func read(_ path: String) throws(Failure) -> Document? {
    guard let bytes = try contents(of: path) else { return nil }
    return try Document(bytes, path: path)
  }

  private static func value(of value: some TOMLValueConvertible) -> Value {
    if let text = value.string { return .text(text) }
    if let integer = value.int { return .integer(integer) }
    if let decimal = value.double { return .decimal(decimal) }
    if let flag = value.bool { return .flag(flag) }
    if let array = value.array {
      let texts = array.map(\.string)
      let known = texts.compactMap(\.self)
      return known.count == texts.count ? .list(known) : .other("a list of other things than texts")
    }
    return .other("a \(value.type)")
  }

  private static func contents(of path: String) throws(Failure) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw failure("open", path)
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", path) }
      if count == 0 { break }
      filled += count
    }
    guard filled <= limit else {
      throw Failure(.invalid, "\(path) is larger than \(Words.bytes(UInt64(limit))): no configuration is")
    }
    return Array(bytes[..<filled])
  }

  private static func failure(_ operation: String, _ path: String) -> Failure {
    Failure(.io, "cannot \(operation) \(path): \(String(cString: strerror(errno)))")
  }
}
