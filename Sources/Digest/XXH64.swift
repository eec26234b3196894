// SPDX-License-Identifier: Apache-2.0
internal import CXXHash

/// XXH64 with seed 0 as it goes, by libxxhash.
///
/// It finds every damage that chance does, at memory speed; it is not protection against intent.
package struct XXH64: Sendable {
  private var state = XXH64_state_t()

  package init() {
    XXH64_reset(&state, 0)
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    XXH64_update(&state, bytes.baseAddress, bytes.count)
  }

  package mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// The digest of everything so far; the state goes on from there.
  package var value: UInt64 { withUnsafePointer(to: state) { XXH64_digest($0) } }
}
