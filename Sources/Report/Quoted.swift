// SPDX-License-Identifier: Apache-2.0

extension String {
  /// The text as a message shows it: in single quotes, with what could disturb a terminal or a line escaped.
  package var quoted: String { "'\(escaped)'" }

  /// The text on one line: control characters, and what could not be decoded, are escaped. Escaping it again changes
  /// nothing.
  package var escaped: String { Escaping.text(of: ByteString(argument: self).bytes, backslash: #"\"#) }
}

/// How what must not reach a terminal is shown.
enum Escaping {
  /// - Parameter backslash: how a backslash is shown.
  static func text(of bytes: [UInt8], backslash: String) -> String {
    if isPlainASCII(bytes) { return String(decoding: bytes, as: UTF8.self) }
    var text = ""
    UTF8Pieces.each(of: bytes) { scalar, bytes in
      switch scalar {
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case "\r": text += "\\r"
      case "\\": text += backslash
      case let scalar? where isPlain(scalar): text.unicodeScalars.append(scalar)
      default:
        for byte in bytes {
          let digits = String(byte, radix: 16)
          text += "\\x" + (digits.count < 2 ? "0" : "") + digits
        }
      }
    }
    return text
  }

  private static func isPlainASCII(_ bytes: [UInt8]) -> Bool {
    for byte in bytes where byte < 0x20 || byte > 0x7E || byte == UInt8(ascii: "\\") { return false }
    return true
  }

  /// Neither a control character, nor one that turns the writing around or is not seen, nor the end of a line.
  static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: false
    default: !isByte(scalar)
    }
  }

  /// Whether it stands for a byte, from 80 to ff, that is not UTF-8.
  static func isByte(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= 0x10FF80 }

  static func scalar(of byte: UInt8) -> Unicode.Scalar { Unicode.Scalar(0x10FF00 + UInt32(byte)) ?? "\u{FFFD}" }
}

/// Bytes as UTF-8 divides them.
enum UTF8Pieces {
  /// Calls `body` with each character and its bytes; with nil and the bytes that are not UTF-8.
  static func each(of bytes: [UInt8], _ body: (Unicode.Scalar?, ArraySlice<UInt8>) -> Void) {
    var parser = Unicode.UTF8.ForwardParser()
    var input = bytes.makeIterator()
    var rest = bytes[...]
    while true {
      switch parser.parseScalar(from: &input) {
      case .valid(let encoded):
        body(Unicode.UTF8.decode(encoded), rest.prefix(encoded.count))
        rest = rest.dropFirst(encoded.count)
      case .error(let length):
        body(nil, rest.prefix(length))
        rest = rest.dropFirst(length)
      case .emptyInput: return
      }
    }
  }
}
