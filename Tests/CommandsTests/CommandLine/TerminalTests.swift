// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("What a stranger wrote reaches no terminal as it is") struct TerminalTests {
  private static let escape: UInt8 = 0x1B

  @Test(
    "in the lists of definitions, and JSON stays JSON",
    arguments: ["os list", "os diagnose", "os check --static \"$os/image\""])
  func definitions(_ words: String) throws {
    try withScratch { scratch in
      try scratch.define(
        "image", version: "20\n",
        files: ["variants.list": "a\u{1B}[2Jb\n", "parameters.list": "size\u{1B}]0;x\u{7} Its \u{1B}[31mhelp\n"])
      let command = "os='\(scratch("os"))'; '\(program)' \(words) --search-path \"$os\""
      let shown = try bash(command)
      #expect(shown.output.contains(#"a\x1b[2Jb"#), "\(shown)")
      #expect(!shown.bytes.contains(Self.escape) && !shown.errors.utf8.contains(Self.escape), "\(shown)")
      let json = try bash(command + " --json")
      #expect(!json.bytes.contains(Self.escape))
      _ = try JSON(parsing: json.bytes)
      #expect(json.output.contains(#"a\u001b[2Jb"#) || words.contains("check"), "\(json)")
    }
  }

  @Test("in failures, of which none looks like two")
  func failures() throws {
    try withScratch { scratch in
      for words in [#"dump list $'\e[31mx\nguestsmith: y'"#, #"dump list $'--\e[31mx\nguestsmith: y'"#] {
        let failed = try bash("cd '\(scratch.path)'; '\(program)' \(words)")
        #expect(failed.status != 0)
        #expect(!failed.errors.utf8.contains(Self.escape), "\(failed)")
        #expect(failed.errors.split(separator: "\n").count { $0.hasPrefix("guestsmith:") } == 1, "\(failed)")
      }
    }
  }
}
