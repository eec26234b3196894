// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("The judge looks at the files of a definition")
struct StaticTests {
  @Test(
    "A fault in the files is found, and nothing else",
    arguments: [
      ("broken-version-file", ["static.version-file", "static.series"]),
      ("broken-version-comment", ["static.version-file", "static.series"]),
      ("broken-dot.in-name", ["static.name", "static.series"]),
      ("broken-missing-rename", ["static.scripts", "static.series"]),
      ("broken-not-executable", ["static.scripts", "static.series"]),
      ("broken-empty-variants", ["static.series"]),
      ("broken-blank-line-in-parameters", ["static.parameters"]),
      ("broken-parameter-without-help", ["static.parameters"]),
      ("tiny-5", []), ("tiny-10", []), ("tiny-15", []), ("tiny-20", []), ("noop", []),
    ] as [(String, Set<String>)])
  func fault(_ name: String, _ wanted: Set<String>) throws {
    let judged = try Judged("\(examples)/\(name)", "--static")
    #expect(judged.checks("fail") == wanted)
    #expect(judged.status == (wanted.isEmpty ? 0 : 10))
  }

  @Test("Who can write to a script or to its folder is told")
  func writers() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try shell("chmod o+w '\(folder)/create'")
      #expect(try Judged(folder, "--static").evidence("static.permissions").contains("everyone can write to"))
      try shell("chmod o-w '\(folder)/create'; chmod o+w '\(folder)'")
      #expect(try Judged(folder, "--static").checks("fail") == ["static.permissions"])
    }
  }

  @Test("A script without its interpreter is told")
  func interpreter() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try shell("sed -i '1s,.*,#!/usr/bin/no-such-shell,' '\(folder)/rename'")
      #expect(try Judged(folder, "--static").checks("fail") == ["static.interpreters"])
      try shell("sed -i '1s,.*,true,' '\(folder)/rename'")
      #expect(try Judged(folder, "--static").checks("fail") == ["static.interpreters"])
    }
  }

  @Test("Each series of Ganeti says in its own words why it refuses a definition")
  func series() throws {
    try withScratch { scratch in
      let five = try Judged("\(examples)/tiny-5", "--static").series
      #expect(five["1.2.6"] == .some(nil))
      #expect(five["2.12 – 3.1"]??.hasPrefix("API version mismatch for path") == true)

      let folder = try scratch.example("tiny-20")
      try scratch.write("20\n15\n10\n5\n", to: "os/tiny-20/ganeti_api_version")
      try shell("rm '\(folder)/variants.list'")
      let all = try Judged(folder, "--static").series
      #expect(all["1.2.6"] == #"API version is not integer ('20\n15\n10\n5')"#)
      #expect(all["1.2.7 – 1.2.9"] == .some(nil))
      #expect(all["2.0"] == .some(nil))
      #expect(all["2.1"]??.contains("File 'variants.list' under path") == true)
      #expect(all["2.2 – 2.4"]??.contains("is missing") == true)
      #expect(all["2.5 – 2.6"] == .some(nil))

      try shell("mv '\(folder)/create' '\(folder)/create_untrusted'")
      let untrusted = try Judged(folder, "--static").series
      #expect(untrusted["2.7 – 2.11"]??.hasPrefix("File 'create' under path") == true)
      #expect(untrusted["2.12 – 3.1"] == .some(nil))
      try shell("rm '\(folder)/verify'")
      #expect(try Judged(folder, "--static").series["2.12 – 3.1"]??.hasPrefix("File 'verify' under path") == true)
    }
  }

  @Test("What is no definition at all is an error, not a verdict")
  func nothing() throws {
    let outcome = try bash("'\(program)' os check ./no-such-folder")
    #expect(outcome.status == 10)
    #expect(outcome.errors.contains("there is no OS definition './no-such-folder'"))
    #expect(outcome.output.isEmpty)
  }
}
