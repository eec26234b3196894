// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A name, a path, or where a link leads, as Linux has them: bytes, which need not be text. Two are equal when their bytes
/// are, however they look.
///
/// In a message it shows as `escaped`: what a guest calls its files never reaches a terminal as it is.
package struct ByteString: Hashable, Sendable {
  package var bytes: [UInt8]

  package init(_ bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)
  }

  /// The bytes of a text of ours in UTF-8.
  package init(_ text: String) {
    bytes = Array(text.utf8)
  }

  package var isEmpty: Bool { bytes.isEmpty }

  /// The bytes before the zero.
  package init(cString: UnsafePointer<CChar>) {
    self.init(UnsafeRawBufferPointer(start: cString, count: strlen(cString)))
  }

  /// nil where it is not UTF-8.
  package var text: String? { String(validating: bytes, as: UTF8.self) }

  /// With a zero at its end. What has a zero in it ends there: whoever hands it to the system looks for one first.
  package var cString: [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }

  package func hasPrefix(_ prefix: ByteString) -> Bool { bytes.starts(with: prefix.bytes) }

  package func hasSuffix(_ suffix: ByteString) -> Bool { bytes.suffix(suffix.bytes.count) == suffix.bytes[...] }

  package func contains(_ byte: Character) -> Bool { byte.asciiValue.map(bytes.contains) ?? false }

  /// Its parts between that character of ASCII.
  package func split(separator: Character, omittingEmptySubsequences: Bool = true) -> [ByteString] {
    bytes.split(
      separator: separator.asciiValue ?? 0, omittingEmptySubsequences: omittingEmptySubsequences
    ).map { ByteString($0) }
  }

  package static func + (one: ByteString, other: ByteString) -> ByteString { ByteString(one.bytes + other.bytes) }
}

extension ByteString: Comparable {
  /// In the order of the bytes, as strcmp(3) has it.
  package static func < (one: ByteString, other: ByteString) -> Bool {
    one.bytes.lexicographicallyPrecedes(other.bytes)
  }
}

extension Sequence<ByteString> {
  package func joined(separator: ByteString) -> ByteString {
    ByteString(map(\.bytes).joined(separator: separator.bytes))
  }
}

extension ByteString: ExpressibleByStringInterpolation {
  package init(stringLiteral text: String) { self.init(text) }
  package init(stringInterpolation: StringInterpolation) { bytes = stringInterpolation.bytes }

  /// Only of texts and bytes: what else shows itself shows what is meant for a reader.
  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var bytes: [UInt8] = []

    package init(literalCapacity: Int, interpolationCount: Int) { bytes.reserveCapacity(literalCapacity) }
    package mutating func appendLiteral(_ text: String) { bytes += text.utf8 }
    package mutating func appendInterpolation(_ text: String) { bytes += text.utf8 }
    package mutating func appendInterpolation(_ other: ByteString) { bytes += other.bytes }
  }
}

// MARK: For a reader

extension ByteString: CustomStringConvertible {
  package var description: String { escaped }

  /// As `ls -b` shows it, and as bash reads it between `$'` and `'`: a backslash is two, and control characters, those that
  /// turn the writing around and what is not UTF-8 are `\n` or `\xe9`. No two names look the same.
  package var escaped: String { Escaping.text(of: bytes, backslash: #"\\"#) }

  /// The same in single quotes.
  package var quoted: String { "'\(escaped)'" }
}

// MARK: What the system hands to a program

extension String {
  /// The bytes of an argument or a variable as a text from which `ByteString(argument:)` gives them back: what is not UTF-8,
  /// and what would be taken for it then, stands there as U+10FF80 to U+10FFFF, a byte each.
  package init(argument bytes: some Sequence<UInt8>) {
    let bytes = Array(bytes)
    if let text = String(validating: bytes, as: UTF8.self), text.isASCII {
      self = text
      return
    }
    self.init()
    UTF8Pieces.each(of: bytes) { scalar, bytes in
      if let scalar, !Escaping.isByte(scalar) { return unicodeScalars.append(scalar) }
      for byte in bytes { unicodeScalars.append(Escaping.scalar(of: byte)) }
    }
  }

  /// Almost all that comes: it needs no look at its characters.
  var isASCII: Bool { utf8.count == utf16.count }
}

extension ByteString {
  /// The bytes of an argument or a variable that `String(argument:)` has made a text of.
  package init(argument text: String) {
    bytes = text.isASCII ? Array(text.utf8) : []
    guard bytes.isEmpty else { return }
    for scalar in text.unicodeScalars {
      bytes += Escaping.isByte(scalar) ? [UInt8(truncatingIfNeeded: scalar.value)] : Array(Character(scalar).utf8)
    }
  }
}
