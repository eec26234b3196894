// SPDX-License-Identifier: Apache-2.0

/// How an instance asks for its OS: `NAME` or `NAME+VARIANT`.
package struct OSName: Equatable, Sendable {
  package var name: String
  package var variant: String?

  package init(name: String, variant: String? = nil) {
    self.name = name
    self.variant = variant
  }

  /// The variant is what is behind the first plus.
  package init(parsing text: some StringProtocol) {
    let plus = text.firstIndex(of: "+")
    name = String(text[..<(plus ?? text.endIndex)])
    variant = plus.map { String(text[text.index(after: $0)...]) }
  }

  package var text: String { name + (variant.map { "+\($0)" } ?? "") }
}

/// Whether Ganeti 2.0 and later find a definition of this name: ASCII letters, digits, `_` and `-`.
package func isPluginName(_ text: String) -> Bool {
  !text.isEmpty && text.unicodeScalars.allSatisfy(isPluginCharacter)
}

/// Whether Ganeti 1.2.6 puts `text` into a command line: characters that mean nothing to a shell.
package func isShellSafe(_ text: String) -> Bool {
  !text.isEmpty
    && text.unicodeScalars.allSatisfy { isPluginCharacter($0) || [".", "+", "/", ":", "%", "@"].contains($0) }
}

private func isPluginCharacter(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar {
  case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
  default: false
  }
}
