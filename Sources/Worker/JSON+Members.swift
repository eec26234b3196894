// SPDX-License-Identifier: Apache-2.0
package import Report

// What broker and workers tell each other, read by its keys. That a member is missing is not a failure of the guest.

extension JSON {
  /// Numbers above 2^63 are told as that.
  package static func number(_ value: UInt64) -> JSON { .integer(Int(clamping: value)) }

  /// Bytes in hexadecimal.
  package static func bytes(_ bytes: some Sequence<UInt8>) -> JSON {
    let digits = Array("0123456789abcdef".utf8)
    return .string(String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self))
  }

  package func bytes(_ key: String) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in try text(key).utf8 {
      guard let digit = Self.digit(character) else { throw missing(key, "bytes") }
      if let first = high.take() { bytes.append(first << 4 | digit) } else { high = digit }
    }
    guard high == nil else { throw missing(key, "bytes") }
    return bytes
  }

  package func text(_ key: String) throws(Failure) -> String {
    guard let value = self[key]?.string else { throw missing(key, "text") }
    return value
  }

  package func number(_ key: String) throws(Failure) -> UInt64 {
    guard let value = self[key]?.integer else { throw missing(key, "number") }
    return UInt64(value)
  }

  package func flag(_ key: String) throws(Failure) -> Bool {
    guard case .bool(let value)? = self[key] else { throw missing(key, "true or false") }
    return value
  }

  package func list(_ key: String) throws(Failure) -> [JSON] {
    guard let value = self[key]?.array else { throw missing(key, "list") }
    return value
  }

  package func texts(_ key: String) throws(Failure) -> [String] {
    try list(key).map { value throws(Failure) in
      guard let text = value.string else { throw missing(key, "list of texts") }
      return text
    }
  }

  private static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  private func missing(_ key: String, _ what: String) -> Failure {
    Failure(.io, "a message between guestsmith and its worker lacks \(key) (\(what))")
  }
}
