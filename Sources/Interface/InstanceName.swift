// SPDX-License-Identifier: Apache-2.0
package import Report

/// The name of an instance: a host name as RFC 1123 has it, usually a full one (`vm1.example.com`).
package struct InstanceName: Sendable {
  /// As it was given.
  package let text: String

  /// - Throws: `.invalid` with the name, escaped, and what is wrong with it.
  package init(_ text: String) throws(Failure) {
    if let fault = Self.fault(in: text) {
      throw Failure(
        .invalid, "\(text.quoted) is not the name of an instance: \(fault)",
        remedy: "use a host name such as vm1.example.com: letters, digits and hyphens between dots")
    }
    self.text = text
  }

  private static func fault(in text: String) -> String? {
    if text.isEmpty { return "it is empty" }
    if text.utf8.count > 253 { return "it has \(text.utf8.count) characters, and 253 is the most" }
    for label in text.split(separator: ".", omittingEmptySubsequences: false) {
      if label.isEmpty { return "a part of it between dots is empty" }
      if let stranger = label.unicodeScalars.first(where: { !isAllowed($0) }) {
        return "\(String(stranger).quoted) is not allowed in it"
      }
      if label.utf8.count > 63 {
        return "its part \(String(label).quoted) has \(label.utf8.count) characters, and 63 is the most"
      }
      if label.hasPrefix("-") || label.hasSuffix("-") {
        return "its part \(String(label).quoted) starts or ends with a hyphen"
      }
    }
    return nil
  }

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-": true
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
