// SPDX-License-Identifier: Apache-2.0
internal import Digest

/// The SHA-256 of a tar while it flows: used by one thread at a time, which a pipeline sees to.
final class RunningDigest: @unchecked Sendable {
  private var digest = SHA256()

  func update(_ bytes: UnsafeRawBufferPointer) {
    digest.update(bytes)
  }

  var hex: String { digest.hex() }
}

/// What came out at the end of writing or reading a whole dump.
package struct DumpSummary: Equatable, Sendable {
  /// Bytes of the dump as it is stored.
  package let stored: UInt64
  /// Bytes of the tar in it.
  package let content: UInt64
  /// SHA-256 of the tar up to its trailer, in hexadecimal digits.
  package let sha256: String
}
