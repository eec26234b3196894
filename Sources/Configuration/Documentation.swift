// SPDX-License-Identifier: Apache-2.0

extension Configuration {
  /// A `guestsmith.toml` that says what each key is for and changes nothing: every line is a comment.
  package static func sample() -> String {
    let head = """
      # guestsmith.toml: how guestsmith makes and dumps guests. A line without # sets its key. The value behind a # is the
      # default, or an example where the line before says that the key is unset.

      """
    return head
      + documented.map { key in
        """

        # \(key.help.prefix(1).uppercased())\(key.help.dropFirst()).
        # Must be \(key.rule).\(key.standard == nil ? "\n# Unset by default; for example:" : "")
        #\(key.name) = \(key.standard ?? key.example?.literal ?? "\"\"")

        """
      }.joined()
  }

  private static var documented: [Key] { Key.all.filter { !$0.isRepeated } }

  /// The keys as a table in Markdown: name, default, meaning.
  package static func markdownTable() -> String {
    let rows = documented.map { key in
      "| `\(key.name)` | \(key.standard.map { "`\($0)`" } ?? "unset") | \(key.help) |\n"
    }
    return "| key | default | meaning |\n|---|---|---|\n" + rows.joined()
  }
}
