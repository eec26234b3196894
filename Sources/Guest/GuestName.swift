// SPDX-License-Identifier: Apache-2.0

/// The name of a guest in its two forms: `vm1.example.com`, as the host calls it, and `vm1`, as it calls itself.
///
/// A login prompt shows the whole of `/etc/hostname`, and Debian puts the short form there; the full one belongs into
/// `/etc/hosts` and `/etc/mailname`.
package struct GuestName: Sendable, Equatable {
  package let full: String
  package let short: String

  /// `instance` is a host name of RFC 1123 that was checked before.
  package init(_ instance: String) {
    full = instance.lowercased()
    short = String(full.prefix { $0 != "." })
  }

  /// Whether a guest that calls itself `hostname` can be the one of this name.
  func matches(_ hostname: String) -> Bool {
    let hostname = hostname.lowercased()
    return hostname == full || hostname == short
  }

  /// Both forms, or the one where they are the same: as a line of `/etc/hosts` has them.
  var forms: [String] {
    full == short ? [full] : [full, short]
  }
}
