// SPDX-License-Identifier: Apache-2.0
package import Report

/// The name of an instance, usually a full host name (`vm1.example.com`). Hosts take more than RFC 1123 does: labels may
/// have underscores, and hyphens at their ends. Which of these a guest can carry is its own matter (`GuestName`).
package struct InstanceName: Sendable {
  package let text: String

  /// A name as Ganeti takes it (`Hostname.GetNormalizedName` of 2 and 3). It is the name of a folder too.
  ///
  /// - Throws: `.invalid` with the name, escaped, and what is wrong with it.
  package init(_ text: String) throws(Failure) {
    try self.init(text, allowing: "._-", "letters, digits, '.', '_' and '-'")
  }

  /// The name that a host passed to a script: Ganeti 1.2 passes on all characters that mean nothing to a
  /// shell. An instance of this machine never has such a name.
  ///
  /// - Throws: `.invalid` with the name, escaped, and what is wrong with it.
  package init(passed text: String) throws(Failure) {
    try self.init(text, allowing: "._-+/:%@", "letters, digits and . _ - + / : % @")
  }

  private init(_ text: String, allowing others: String, _ rule: String) throws(Failure) {
    if let fault = Self.fault(in: text, allowing: others) {
      throw Failure(
        .invalid, "\(text.quoted) is not the name of an instance: \(fault)",
        remedy: "use a host name such as vm1.example.com: \(rule), and nothing empty between dots")
    }
    self.text = text
  }

  private static func fault(in text: String, allowing others: String) -> String? {
    if text.isEmpty { return "it is empty" }
    if text.utf8.count > 255 { return "it has \(text.utf8.count) characters, and 255 is the most" }
    let stranger = text.unicodeScalars.first { !isAlphanumeric($0) && !others.unicodeScalars.contains($0) }
    if let stranger { return "\(String(stranger).quoted) is not allowed in it" }
    if text.split(separator: ".", omittingEmptySubsequences: false).contains("") {
      return "a part of it between dots is empty"
    }
    return text.hasPrefix("-") ? "it begins with a hyphen, as an option does" : nil
  }

  private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9": true
    default: false
    }
  }
}

extension InstanceName: Equatable {
  /// Host names are the same whatever the case of their letters.
  package static func == (one: InstanceName, other: InstanceName) -> Bool {
    one.text.lowercased() == other.text.lowercased()
  }
}

extension InstanceName: CustomStringConvertible {
  package var description: String { text }
}
