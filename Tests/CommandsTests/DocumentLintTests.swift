// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("What make lint says of documents") struct DocumentLintTests {
  private static let sound = [
    "README.md": "# One\n\n[a page](docs/page.md#two-words) and [here](#one), [elsewhere](https://example.org/none)\n",
    "docs/page.md":
      "# Page\n\n## Two `words`\n\n[back](../README.md), and `[no](link.md)`\n\n```\n[nor](this.md)\n```\n",
    "docs/troubleshooting.md": "| you read | because |\n|---|---|\n| `disk … is in use by …` | it is |\n",
    "Sources/A.swift": "throw Failure(.busy, \"disk \\(path) is \"\n  + \"in use by \\(holder(of: path) ?? \"x\")\")\n",
  ]

  private func lint(_ files: [String: String]) throws -> [String] {
    try withScratch { scratch in
      for (file, text) in Self.sound.merging(files, uniquingKeysWith: { $1 }) { try scratch.write(text, to: file) }
      let outcome = try bash(
        """
        cd '\(scratch.path)'; mkdir -p scripts; cp '\(examples)'/../scripts/{links,messages} scripts
        git init --quiet .; scripts/links; scripts/messages
        """)
      return outcome.errors.split(separator: "\n").map(String.init)
    }
  }

  @Test("links that lead somewhere and messages of the program have no faults")
  func noFaults() throws {
    #expect(try lint([:]) == [])
  }

  @Test(
    "a link that leads nowhere, and a message that the program does not have, are told with file and line",
    arguments: [
      ("README.md", "# One\n\n[a](docs/none.md)\n", "README.md:3: the link docs/none.md leads to no file"),
      ("README.md", "# One\n[a](docs/page.md#none)\n", "README.md:2: the link docs/page.md#none leads to no heading"),
      ("docs/page.md", "# Page\n## Two words\n[a](#three)\n", "docs/page.md:3: the link #three leads to no heading"),
      (
        "docs/troubleshooting.md", "| you read |\n|---|\n| `disk … is on fire` |\n",
        "docs/troubleshooting.md:3: no message of the program has 'is on fire'"
      ),
    ])
  func fault(file: String, text: String, expected: String) throws {
    let found = try lint([file: text])
    #expect(found.count == 1 && found[0].hasPrefix("lint: \(expected)"), "\(found)")
  }
}
