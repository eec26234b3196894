// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A guest's names in JSON, whose strings are text.
extension JSON {
  /// The name as it is; escaped where it is not UTF-8.
  static func text(of name: ByteString?) -> JSON { .optional(name.map { $0.text ?? $0.escaped }) }

  /// The bytes of a name that is not UTF-8 in hexadecimal; else null.
  static func bytes(of name: ByteString?) -> JSON {
    guard let name, name.text == nil else { return .null }
    return .string(name.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
  }
}
