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
    try withScratch { scratch in
      let judged = try Judged(scratch.example(name), "--static")
      #expect(judged.checks("fail") == wanted)
      #expect(judged.status == (wanted.isEmpty ? 0 : 10))
    }
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
      #expect(five["3.0 – 3.1"]??.hasSuffix("found [5], want frozenset({10, 20, 15}).") == true)

      let folder = try scratch.example("tiny-20")
      try scratch.write("20\n15\n10\n5\n", to: "os/tiny-20/ganeti_api_version")
      try shell("rm '\(folder)/variants.list'")
      let all = try Judged(folder, "--static").series
      #expect(
        all["1.2.6"] == #"API version is not integer (invalid literal for int() with base 10: '20\n15\n10\n5')"#)
      #expect(all["1.2.7 – 1.2.9"] == .some(nil))
      #expect(all["2.0"] == .some(nil))
      #expect(all["2.1"]??.contains("File 'variants.list' under path") == true)
      #expect(all["2.2 – 2.4"]??.contains("is missing") == true)
      #expect(all["2.5 – 2.6"] == .some(nil))

      try shell("mv '\(folder)/create' '\(folder)/create_untrusted'")
      let untrusted = try Judged(folder, "--static").series
      #expect(untrusted["2.7 – 2.11"]??.hasPrefix("File 'create' under path") == true)
      #expect(untrusted["2.12 – 2.17"] == .some(nil))
      try shell("rm '\(folder)/verify'")
      #expect(try Judged(folder, "--static").series["2.12 – 2.17"]??.hasPrefix("File 'verify' under path") == true)
    }
  }

  /// By the functions of each release itself, which were run on these folders.
  @Test("The words of each series are those of its own sources, to the letter")
  func words() throws {
    try withScratch { scratch in
      let start = "invalid literal for int() with base 10: "
      let folder = try scratch.example("tiny-20")
      for (text, said) in [
        ("five", ["\(start)'five'", "\(start)'five'", "\(start)'five'"]),
        ("it's", [#"\#(start)"it's""#, #"\#(start)"it's""#, #"\#(start)"it's""#]),
        ("é", [#"\#(start)'\xc3\xa9'"#, #"\#(start)'\xc3\xa9'"#, "\(start)'é'"]),
      ] {
        try scratch.write(text, to: "os/tiny-20/ganeti_api_version")
        let all = try Judged(folder, "--static").series
        for series in ["1.2.6", "1.2.7 – 1.2.9", "2.0"] {
          #expect(all[series] == "API version is not integer (\(said[0]))")
        }
        for series in ["2.1", "2.2 – 2.4", "2.5 – 2.6", "2.7 – 2.11", "2.12 – 2.17"] {
          #expect(all[series] == "API version(s) can't be converted to integer: \(said[1])")
        }
        #expect(all["3.0 – 3.1"] == "API version(s) can't be converted to integer: \(said[2])")
      }

      try scratch.write("6\n25\n", to: "os/tiny-20/ganeti_api_version")
      let mismatch = try Judged(folder, "--static").series
      #expect(mismatch["1.2.7 – 1.2.9"] == "API version mismatch (found [6, 25] want 5)")
      #expect(mismatch["2.0"] == "API version mismatch (found [6, 25] want 10)")
      let path = "API version mismatch for path '\(folder)': found [6, 25], want "
      #expect(mismatch["2.1"] == "\(path)frozenset([10, 15]).")
      #expect(mismatch["2.7 – 2.11"] == "\(path)frozenset([10, 20, 15]).")
      #expect(mismatch["3.0 – 3.1"] == "\(path)frozenset({10, 20, 15}).")
      try scratch.write("6\n", to: "os/tiny-20/ganeti_api_version")
      #expect(try Judged(folder, "--static").series["1.2.6"] == "API version mismatch (found 6 want 5)")
    }
  }

  @Test("Of several faults each series tells the one that it comes to first")
  func order() throws {
    try withScratch { scratch in
      let five = try scratch.example("tiny-5")
      try shell("cd '\(five)'; rm import; chmod 644 export; rm create; mkdir create")
      #expect(try Judged(five, "--static").series["1.2.6"] == "'import' script missing (ENOENT)")
      let twenty = try scratch.example("tiny-20")
      try shell("cd '\(twenty)'; rm import verify parameters.list; ln -s import import")
      let all = try Judged(twenty, "--static").series
      #expect(all["2.0"] == "'import' script missing (ELOOP)")
      #expect(all["2.1"] == "File 'import' under path '\(twenty)' is missing (ELOOP)")
      #expect(all["2.2 – 2.4"] == "File 'verify' under path '\(twenty)' is missing (ENOENT)")
      #expect(all["3.0 – 3.1"] == "File 'import' under path '\(twenty)' is missing (ELOOP)")
      try shell("rm '\(twenty)/ganeti_api_version'; mkdir '\(twenty)/ganeti_api_version'")
      #expect(try Judged(twenty, "--static").series["2.0"] == "'ganeti_api_version' file is not a regular file")
    }
  }

  @Test("A name with a plus is explained, for those who know no such names")
  func plus() throws {
    try withScratch { scratch in
      let five = try Judged(scratch.example("tiny-5", as: "tiny+five"), "--static")
      #expect(five.checks("fail") == ["static.name", "static.series"])
      #expect(five.evidence("static.name").contains("'tiny+five' can be called by Ganeti 1.2.8 and earlier"))
      #expect(five.series["1.2.6"] == .some(nil))
      #expect(five.series["1.2.7 – 1.2.9"] == "OS dir not found in search path")
      let twenty = try Judged(scratch.example("tiny-20", as: "tiny+twenty"), "--static")
      #expect(twenty.evidence("static.name").contains("what is behind a '+' is a variant for Ganeti"))
      #expect(twenty.series["3.0 – 3.1"] == "Directory for OS tiny+twenty not found in search path")
    }
  }

  @Test("What is not a definition at all is an error, not a verdict")
  func nothing() throws {
    let outcome = try bash("'\(program)' os check ./no-such-folder")
    #expect(outcome.status == 10)
    #expect(outcome.errors.contains("there is no OS definition './no-such-folder'"))
    #expect(outcome.output.isEmpty)
  }
}
