// SPDX-License-Identifier: Apache-2.0
internal import CCrypto

/// SHA-256 as it goes, by the system's libcrypto (which uses the processor's own instructions).
package struct SHA256: ~Copyable {
  private let context: OpaquePointer

  package init() {
    // EVP_MD_CTX_new fails only when memory is exhausted, as every Swift allocation would.
    context = EVP_MD_CTX_new()!
    EVP_DigestInit_ex(context, EVP_sha256(), nil)
  }

  deinit {
    EVP_MD_CTX_free(context)
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    EVP_DigestUpdate(context, base, bytes.count)
  }

  package mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// The 32 bytes of the digest of everything so far; the context goes on from there.
  package borrowing func digest() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    let copy = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(copy) }
    EVP_MD_CTX_copy_ex(copy, context)
    EVP_DigestFinal_ex(copy, &digest, nil)
    return digest
  }

  /// The digest of everything so far, as 64 lower-case hexadecimal digits; the context goes on from there.
  package borrowing func hex() -> String {
    let digits = Array("0123456789abcdef")
    return String(digest().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  package static func hex(of bytes: [UInt8]) -> String {
    var digest = SHA256()
    digest.update(bytes)
    return digest.hex()
  }
}
