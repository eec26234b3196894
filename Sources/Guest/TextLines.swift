// SPDX-License-Identifier: Apache-2.0

/// A text file of a guest, line by line. Joined again the lines are the same bytes: nothing that was not touched
/// changes, be it an encoding of long ago, a tab, a line end of another system or a last line without one.
struct TextLines {
  /// Each with its line end, where it has one.
  var lines: [[UInt8]]

  init(_ bytes: [UInt8]) {
    lines = []
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: newline).map { $0 + 1 } ?? bytes.count
      lines.append(Array(bytes[start..<end]))
      start = end
    }
  }

  var bytes: [UInt8] { Array(lines.joined()) }

  /// Adds a line at the end, on a line of its own.
  mutating func append(_ line: String) {
    if let last = lines.last, last.last != newline { lines[lines.count - 1].append(newline) }
    lines.append(Array(line.utf8) + [newline])
  }

  /// The words of a line before its comment, each with its place in the line.
  static func fields(of line: [UInt8]) -> [Field] {
    var fields: [Field] = []
    var start: Int?
    for (index, byte) in line.enumerated() {
      if isBlank(byte) || byte == UInt8(ascii: "#") {
        if let first = start { fields.append(Field(line, first..<index)) }
        start = nil
        if byte == UInt8(ascii: "#") { return fields }
      } else if start == nil {
        start = index
      }
    }
    if let first = start { fields.append(Field(line, first..<line.count)) }
    return fields
  }

  static func isComment(_ line: [UInt8]) -> Bool { line.first { !isBlank($0) } == UInt8(ascii: "#") }

  /// What may be an address of IPv4 or IPv6 in a line, in lower case.
  static func addressWords(of line: [UInt8]) -> [String] {
    let digits = "0123456789abcdefABCDEF:.".utf8
    return line.split { !digits.contains($0) }.map { String(decoding: $0, as: UTF8.self).lowercased() }
  }

  struct Field {
    let text: String
    let range: Range<Int>

    init(_ line: [UInt8], _ range: Range<Int>) {
      text = String(decoding: line[range], as: UTF8.self)
      self.range = range
    }
  }
}

private let newline = UInt8(ascii: "\n")

/// Space, tab, the line ends, and the NUL that no text should have.
private func isBlank(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte) || byte == 0
}
