// SPDX-License-Identifier: Apache-2.0

extension ByteString {
  /// The bytes as one word that can be pasted into bash: bare where that is safe, else in single quotes, and between `$'`
  /// and `'` where a terminal would not show all of them.
  package var shellWord: String {
    guard let text, Escaping.text(of: bytes, backslash: #"\"#) == text else {
      return "$'\(escaped.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"\'"#))'"
    }
    if !isEmpty, bytes.allSatisfy(Self.isBare) { return text }
    return "'\(text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#))'"
  }

  private static func isBare(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "%+,-./:=@_".utf8.contains(byte)
    }
  }
}
