// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Report
import TestSupport
import Testing

/// The definitions in Examples.
@Suite struct ExamplesTests {
  private static let names = ((try? shell("cd '\(examples)'; ls -d */ | tr -d /")) ?? "").split(separator: "\n")
    .map(String.init)
  private static let broken = names.filter { $0.hasPrefix("broken-") }
  private static let sound = names.filter { !$0.hasPrefix("broken-") }

  @Test func `each is told of in the table, and the table tells of no other`() throws {
    let told = try shell("sed -n 's/^| `\\([^`]*\\)` .*/\\1/p' '\(examples)/README.md' | sort")
    #expect(told.split(separator: "\n").map(String.init).sorted() == Self.names.sorted())
    #expect(Self.broken.count > 20 && Self.sound.count == 5)
  }

  @Test(arguments: sound)
  func `what is not broken is judged valid`(_ name: String) {
    #expect(OSDefinition(judging: name, in: examples).isValid)
  }

  @Test(arguments: broken)
  func `what is broken differs from what is not in one file, but where its name is the fault`(_ name: String) throws {
    let soundOnes = ["tiny-5", "tiny-10", "tiny-15", "tiny-20"]
    let differences = try soundOnes.map { sound in
      try shell(
        """
        cd '\(examples)'
        files() { (cd "$1" && find . -type f -exec sh -c 'test -x "$1"; echo "$1 $? $(md5sum <"$1")"' sh {} \\;); }
        { files '\(sound)'; files '\(name)'; } | sort | uniq -u | cut -d ' ' -f 1 | sort -u | wc -l
        """)
    }
    #expect(differences.compactMap { Int($0) }.min() == (name == "broken-dot.in-name" ? 0 : 1))
  }
}
