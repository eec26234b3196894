// SPDX-License-Identifier: Apache-2.0
package import Report

/// The fingerprint of a key of OpenPGP: 40 hexadecimal digits, or 64 of a newer one, in upper case.
package struct Fingerprint: Hashable, Sendable {
  package let text: String

  /// With or without blanks and `0x`.
  ///
  /// - Throws: `.invalid` for anything shorter: others can have the same key ID.
  package init(_ text: String) throws(Failure) {
    var digits = text.filter { !$0.isWhitespace }
    if digits.lowercased().hasPrefix("0x") { digits.removeFirst(2) }
    guard [40, 64].contains(digits.utf8.count), digits.unicodeScalars.allSatisfy(\.properties.isASCIIHexDigit) else {
      throw Failure(
        .invalid, "\(Words.printable(text).quoted) is not the fingerprint of a key",
        remedy: "write all of its 40 or 64 hexadecimal digits, as gpg --fingerprint shows them")
    }
    self.text = digits.uppercased()
  }
}
