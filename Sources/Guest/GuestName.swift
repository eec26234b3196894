// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The name of a guest in its two forms: `vm1.example.com`, as the host calls it, and `vm1`, as it calls itself.
///
/// A login prompt shows the whole of `/etc/hostname`, and Debian puts the short form there; the full one belongs into
/// `/etc/hosts` and `/etc/mailname`.
package struct GuestName: Sendable, Equatable {
  package let full: String
  package let short: String

  /// `example.com`; nil where the name has one part.
  package var domain: String? { full == short ? nil : String(full.dropFirst(short.count + 1)) }

  /// `instance` is a name of words in no need of quotes that was checked before; the dot of the root is left out.
  package init(_ instance: String) {
    full = instance.lowercased().withoutRoot
    short = String(full.prefix { $0 != "." })
  }

  /// Why a guest cannot call itself so; nil where it can.
  package var fault: String? { Self.fault(inHostname: short) }

  /// Whether a guest that calls itself `hostname` can be the one of this name.
  package func matches(_ hostname: String) -> Bool {
    let hostname = hostname.lowercased().withoutRoot
    return hostname == full || hostname == short
  }

  /// Whether it is the same, where one that does not know its domain is in whichever the other has.
  package func isSame(as other: GuestName) -> Bool {
    self == other || full == other.short || other.full == short
  }

  /// Both forms, or the one where they are the same: as a line of `/etc/hosts` has them.
  var forms: [String] {
    full == short ? [full] : [full, short]
  }

  /// What `/etc/hostname` holds, in the form of what it held before: the full one only where a kernel takes it.
  func hostname(inFormOf old: String) -> String {
    old.withoutRoot.contains(".") && Self.fault(inHostname: full) == nil ? full : short
  }

  /// systemd leaves out what does not belong into a host name (hostname(5)), and hostname(1) refuses it; a part has up to
  /// 63 bytes (hostname(7)), and the kernel has room for 64 (sethostname(2)).
  private static func fault(inHostname text: String) -> String? {
    if text.utf8.count > 64 { return "it has \(text.utf8.count) characters, and 64 is the most" }
    for label in text.split(separator: ".", omittingEmptySubsequences: false) {
      if label.isEmpty { return "a part of it is empty" }
      if label.utf8.count > 63 { return "a part of it has \(label.utf8.count) characters, and 63 is the most" }
      if label.hasPrefix("-") || label.hasSuffix("-") { return "a part of it begins or ends with a hyphen" }
      let stranger = label.unicodeScalars.first { scalar in
        switch scalar {
        case "a"..."z", "0"..."9", "-": false
        default: true
        }
      }
      if let stranger { return "\(String(stranger).quoted) is not allowed in it" }
    }
    return nil
  }
}

extension String {
  /// A host name without the dot that stands for the root of all names.
  var withoutRoot: String {
    hasSuffix(".") ? String(dropLast()) : self
  }
}
