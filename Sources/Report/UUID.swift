// SPDX-License-Identifier: Apache-2.0

/// The 16 bytes that name a filesystem, a swap area, an instance or a part of one (RFC 9562).
package struct UUID: Hashable, Sendable, CustomStringConvertible {
  package let bytes: [UInt8]

  package init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// From the form that `description` has, in either case; nil for any other, and for zeros, which name nothing.
  package init?(_ text: String) {
    let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == 32 else { return nil }
    bytes = stride(from: 0, to: 32, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    guard description == text.lowercased(), bytes.contains(where: { $0 != 0 }) else { return nil }
  }

  /// A random one, of version 4.
  package static func random() -> UUID {
    var generator = SystemRandomNumberGenerator()
    var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    return UUID(bytes: bytes)
  }

  /// `8-4-4-4-12` lower-case hexadecimal digits, as fstab(5) wants them.
  package var description: String {
    let digits = Array("0123456789abcdef")
    var text = ""
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text.append("-") }
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }
}
