// SPDX-License-Identifier: Apache-2.0

extension String {
  /// The text as a message shows it: in single quotes, with what could disturb a terminal or a line escaped.
  package var quoted: String { "'\(escaped)'" }

  /// The text on one line: control characters, and what could not be decoded, are escaped.
  package var escaped: String {
    var text = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case "\r": text += "\\r"
      case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
        let digits = String(scalar.value, radix: 16)
        text += "\\x" + (digits.count < 2 ? "0" : "") + digits
      case _ where scalar.properties.generalCategory == .format || scalar == "\u{2028}" || scalar == "\u{2029}":
        text += "\\u{\(String(scalar.value, radix: 16))}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
