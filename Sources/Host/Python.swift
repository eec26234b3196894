// SPDX-License-Identifier: Apache-2.0

/// The language of Ganeti, as far as its messages show it: version 2 up to Ganeti 2.17, version 3 from 3.0 on.
package enum Python: Sendable {
  case two, three

  /// What int() makes of a text, in decimal; nil where it raises a ValueError.
  package func integer(_ text: [UInt8]) -> String? {
    var digits = strip(text)[...]
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative || digits.first == UInt8(ascii: "+") { digits.removeFirst() }
    // 1_000 is a number since 3.6.
    let groups =
      self == .two ? [digits] : digits.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
    guard groups.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }) else { return nil }
    let value = groups.joined().drop { $0 == 0x30 }
    if value.isEmpty { return "0" }
    return (isNegative ? "-" : "") + String(decoding: Array(value), as: UTF8.self)
  }

  /// What that ValueError says of a text.
  package func refusal(ofInteger text: [UInt8]) -> String {
    let start = "invalid literal for int() with base 10: "
    switch self {
    case .two:
      // It is handed to C as it is.
      let beforeNull = Array(text.prefix { $0 != 0 })
      if beforeNull.count < text.count, integer(beforeNull) != nil { return "null byte in argument for int()" }
      return start + repr(Array(beforeNull.prefix(200)))
    case .three: return start + String(String.UnicodeScalarView(repr(text).unicodeScalars.prefix(200)))
    }
  }

  /// repr() of a text.
  package func repr(_ text: [UInt8]) -> String {
    let quote: Unicode.Scalar = text.contains(UInt8(ascii: "'")) && !text.contains(UInt8(ascii: "\"")) ? "\"" : "'"
    let scalars: [Unicode.Scalar] =
      self == .two ? text.map { Unicode.Scalar($0) } : Array(String(decoding: text, as: UTF8.self).unicodeScalars)
    let words = scalars.map { scalar in
      switch scalar {
      case "\n": return "\\n"
      case "\t": return "\\t"
      case "\r": return "\\r"
      case "\\", quote: return "\\\(scalar)"
      case _ where self == .two ? (0x20...0x7E).contains(scalar.value) : isPrintable(scalar): return String(scalar)
      default:
        let (letter, count) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        let digits = String(scalar.value, radix: 16)
        return "\\\(letter)\(String(repeating: "0", count: count - digits.count))\(digits)"
      }
    }
    return "\(quote)\(words.joined())\(quote)"
  }

  /// repr() of a list of numbers, which are in decimal.
  package func list(_ numbers: [String]) -> String {
    "[\(numbers.map { Int($0) == nil && self == .two ? $0 + "L" : $0 }.joined(separator: ", "))]"
  }

  /// repr() of a frozenset of up to four numbers with different last three bits: they are its order.
  package func frozenset(_ numbers: [Int]) -> String {
    let list = numbers.sorted { $0 & 7 < $1 & 7 }.map { String($0) }.joined(separator: ", ")
    return self == .two ? "frozenset([\(list)])" : "frozenset({\(list)})"
  }

  /// The text without the white space at both ends, as strip() has it.
  package func strip(_ text: [UInt8]) -> [UInt8] {
    let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
    let rest = text.drop(while: isSpace)
    return Array(rest.prefix((rest.lastIndex { !isSpace($0) } ?? rest.startIndex - 1) - rest.startIndex + 1))
  }

  /// The lines of a text file, as splitlines() has them.
  package func lines(of text: [UInt8]) -> [[UInt8]] {
    var lines = [[UInt8]]()
    var line: [UInt8] = []
    for (index, byte) in text.enumerated() {
      let isInLineEnd = byte == 0x0A && index > 0 && text[index - 1] == 0x0D
      if isInLineEnd { continue }
      // Version 3 has more of them.
      if byte == 0x0A || byte == 0x0D || (self == .three && [0x0B, 0x0C, 0x1C, 0x1D, 0x1E].contains(byte)) {
        lines.append(line)
        line = []
      } else {
        line.append(byte)
      }
    }
    return line.isEmpty ? lines : lines + [line]
  }

  private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }
}
