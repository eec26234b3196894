// SPDX-License-Identifier: Apache-2.0
internal import CCrypto

/// A digest of the SHA-2 family as it goes, by the system's libcrypto (which uses the processor's own instructions).
package struct MessageDigest: ~Copyable {
  package enum Algorithm: String, CaseIterable, Sendable {
    case sha256, sha512

    /// Of a digest, in bytes.
    package var length: Int { self == .sha256 ? 32 : 64 }
  }

  private let context: OpaquePointer
  private let algorithm: Algorithm

  package init(_ algorithm: Algorithm) {
    self.algorithm = algorithm
    // EVP_MD_CTX_new fails only when memory is exhausted, as every Swift allocation would.
    context = EVP_MD_CTX_new()!
    EVP_DigestInit_ex(context, algorithm == .sha256 ? EVP_sha256() : EVP_sha512(), nil)
  }

  deinit {
    EVP_MD_CTX_free(context)
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    EVP_DigestUpdate(context, base, bytes.count)
  }

  /// The bytes of the digest of everything so far; the context goes on from there.
  package borrowing func digest() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: algorithm.length)
    let copy = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(copy) }
    EVP_MD_CTX_copy_ex(copy, context)
    EVP_DigestFinal_ex(copy, &digest, nil)
    return digest
  }

  /// The digest of everything so far, in lower-case hexadecimal digits; the context goes on from there.
  package borrowing func hex() -> String {
    let digits = Array("0123456789abcdef")
    return String(digest().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
