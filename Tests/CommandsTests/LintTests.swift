// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("What make lint says of modules and rules") struct LintTests {
  private static let package = """
    let package = Package(
      targets: [
        // Leaves.
        c("CLeaf", links: ["leaf"]),
        swift("Leaf", ["CLeaf"]),
        // Above.
        swift("Upper", ["Leaf"]),
        .executableTarget(name: "guestsmith", dependencies: ["Upper"]),
      ])

    """

  private static let sound = [
    "Package.swift": package,
    "ARCHITECTURE.md": "## Modules\n\n| `Leaf` | a leaf |\n| `Upper` | uses it |\n| `guestsmith` | the program |\n",
    "Sources/Leaf/Leaf.swift": "internal import CLeaf\n", "Sources/Upper/Upper.swift": "internal import Leaf\n",
    "Sources/guestsmith/main.swift": "import Upper\n",
  ]

  /// What the scripts say of a small project, with some of its files as given, after `drawn` has changed its picture.
  private func lint(_ files: [String: String], drawn: String = "true") throws -> [String] {
    try withScratch { scratch in
      for (file, text) in Self.sound.merging(files, uniquingKeysWith: { $1 }) { try scratch.write(text, to: file) }
      let outcome = try bash(
        """
        cd '\(scratch.path)'; mkdir -p scripts docs; cp '\(examples)'/../scripts/{modules,rules} scripts
        sed -i '/^UNTYPED = /,/^}/c UNTYPED = {}' scripts/rules
        scripts/modules 2>/dev/null; \(drawn); scripts/modules --check; scripts/rules
        """)
      return outcome.errors.split(separator: "\n").map(String.init)
    }
  }

  @Test("a sound project has no faults, and a picture")
  func sound() throws {
    #expect(try lint([:]) == [])
    #expect(try lint([:], drawn: "rm docs/modules.svg").first?.hasPrefix("lint: docs/modules.svg:1: ") == true)
    #expect(try lint([:], drawn: "sed -i s/Upper/Other/ docs/modules.svg").count == 1)
  }

  @Test(
    "each fault has its file, its line and what is right",
    arguments: [
      ("Sources/Upper/Upper.swift", "", "Package.swift:7: Upper declares Leaf and does not import it"),
      ("Sources/Leaf/Leaf.swift", "import CLeaf\nimport Upper\n", "Sources/Leaf/Leaf.swift:2: Leaf imports Upper"),
      (
        "Sources/Upper/Upper.swift", "import Leaf\nimport Foundation\n",
        "Sources/Upper/Upper.swift:2: Upper imports Found"
      ),
      (
        "Package.swift",
        package.replacing("swift(\"Leaf\", [\"CLeaf\"])", with: "swift(\"Leaf\", [\"CLeaf\", \"Upper\"])"),
        "Package.swift:5: Leaf depends on Upper, which stands below it"
      ),
      (
        "Package.swift", package.replacing("\"Upper\", [\"Leaf\"]", with: "\"Upper\", [\"Leaf\", \"CLeaf\"]"),
        "Package.swift:7: Upper imports CLeaf, which is behind Leaf"
      ),
      (
        "ARCHITECTURE.md", "## Modules\n\n| `Leaf` | x |\n| `Old` | y |\n",
        "ARCHITECTURE.md:4: Package.swift has no module Old"
      ),
      ("Tests/a.swift", String(repeating: "\n", count: 401), "Tests/a.swift:401: 401 lines"),
      ("scripts/long", "#!/bin/bash\n" + String(repeating: "\n", count: 400), "scripts/long:401: 401 lines"),
      ("Sources/Leaf/a.swift", "func a() throws {}\n", "Sources/Leaf/a.swift:1: throws any error"),
      ("Sources/Leaf/a.swift", "\nlet words = \"x is no disk\"\n", "Sources/Leaf/a.swift:2: 'is no'"),
      ("Tests/a.swift", "@Suite struct A {\n  @Test func b() {}\n}\n", "Tests/a.swift:2: a test's name is a sentence"),
      (
        "Sources/Leaf/a.swift", "\nlet place = lseek(file, 0, SEEK_CUR)\n",
        "Sources/Leaf/a.swift:2: lseek takes the number of a descriptor"
      ),
      (
        "Sources/Leaf/a.swift",
        "let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 9, alignment: 1)\ndefer { buffer.deallocate() }\n",
        "Sources/Leaf/a.swift:1: memory for a while"
      ),
      ("README.md", "nobody says its prefix\n", "README.md:1: 'nobody says'"),
    ])
  func fault(file: String, text: String, expected: String) throws {
    let found = try lint([file: text])
    #expect(found.contains { $0.hasPrefix("lint: \(expected)") }, "\(found)")
  }

  @Test("what only looks like a fault is not one")
  func similar() throws {
    let code = """
      // It throws what its body throws.
      func a() throws(Failure) {}
      let words = "there is no room left; it throws a fit"
      func b() rethrows {}

      """
    let owner = "private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 9, alignment: 1)\nlet a = 1\n"
    let system = "let place = lseek(file, 0, SEEK_CUR)\n"
    let test = "@Test(\n  \"a sentence\", arguments: [1])\nfunc b() {}\n"
    #expect(
      try lint([
        "Sources/Leaf/a.swift": code, "Sources/Leaf/b.swift": owner, "Sources/LinuxIO/c.swift": system,
        "Tests/a.swift": test,
      ]) == [])
  }
}
