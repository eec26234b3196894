// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Report
import TestSupport
import Testing

/// The definitions in Examples.
@Suite struct ExamplesTests {
  private static func names(_ command: String) -> [String] {
    ((try? shell("cd '\(examples)'; \(command)")) ?? "").split(separator: "\n").map(String.init)
  }

  private static let sound = names("ls -d */ | tr -d / | grep -v '^broken$'")
  private static let broken = names("cd broken; ls *.patch | sed 's/.patch$//'")

  @Test("each is told of in the table, and the table tells of no other") func eachToldTable() {
    let told = Self.names("sed -n 's/^| `\\([^`]*\\)` .*/\\1/p' README.md")
    #expect(told.sorted() == (Self.sound + Self.broken).sorted())
    #expect(Self.broken.count > 20 && Self.sound.count == 6)
  }

  @Test("what is not broken is judged valid", arguments: sound)
  func notBrokenJudged(_ name: String) {
    #expect(OSDefinition(judging: name, in: examples).isValid)
  }

  @Test(
    "what is broken is laid down, and differs from its base in one file, but where its name is the fault",
    arguments: broken)
  func brokenLaidDown(
    _ name: String
  ) throws {
    try withScratch { scratch in
      let folder = try scratch.example("broken-\(name)")
      let base = try shell("sed -n 's/^Base: //p' '\(examples)/broken/\(name).patch'")
      let differences = try shell(
        """
        files() { (cd "$1" && find . -type f -exec sh -c 'test -x "$1"; echo "$1 $? $(md5sum <"$1")"' sh {} \\;); }
        { files '\(examples)/\(base)'; files '\(folder)'; } | sort | uniq -u | cut -d ' ' -f 1 | sort -u | wc -l
        """)
      #expect(Int(differences) == (name == "dot.in-name" ? 0 : 1))
    }
  }
}
