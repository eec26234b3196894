// SPDX-License-Identifier: Apache-2.0

/// SHA-256 as it goes.
package struct SHA256: ~Copyable {
  private var sum = MessageDigest(.sha256)

  package init() {}

  package mutating func update(_ bytes: UnsafeRawBufferPointer) { sum.update(bytes) }

  package mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { sum.update($0) }
  }

  /// The 32 bytes of the digest of everything so far; the context goes on from there.
  package borrowing func digest() -> [UInt8] { sum.digest() }

  /// The digest of everything so far, as 64 lower-case hexadecimal digits; the context goes on from there.
  package borrowing func hex() -> String { sum.hex() }

  package static func hex(of bytes: [UInt8]) -> String {
    var digest = SHA256()
    digest.update(bytes)
    return digest.hex()
  }
}
