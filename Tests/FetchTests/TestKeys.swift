// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport

/// Keys of OpenPGP of a test's own, made by gpg.
struct TestKeys {
  let scratch: Scratch

  /// Runs `body` with keys by these names, and ends what gpg has started for them.
  static func with<R>(_ names: [String], in scratch: Scratch, _ body: (TestKeys) throws -> R) throws -> R {
    let keys = TestKeys(scratch: scratch)
    try shell("mkdir -m 700 '\(scratch("gpg"))'")
    defer { _ = try? keys.run("gpgconf --kill all") }
    for name in names {
      try keys.gpg("--quick-generate-key \(name)@example.com ed25519 sign never")
      try keys.gpg("--output '\(scratch("\(name).gpg"))' --export \(name)@example.com")
    }
    return try body(keys)
  }

  @discardableResult
  func gpg(_ words: String) throws -> String { try run("gpg --batch --yes --quiet --passphrase '' \(words)") }

  @discardableResult
  private func run(_ words: String) throws -> String {
    try shell("cd '\(scratch.path)'; export GNUPGHOME='\(scratch("gpg"))'; \(words)")
  }

  func fingerprint(_ name: String) throws -> String {
    try gpg("--with-colons --list-keys \(name)@example.com | sed -n 's/^fpr:*\\([0-9A-F]*\\):$/\\1/p' | head -n 1")
  }
}
