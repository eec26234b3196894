// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Images

/// Sources as apt reads them: asked what it would fetch, apt names the same URIs for the original and for what we made of it.
@Suite struct AptReadingTests {
  @Test(
    "one-line entries",
    arguments: [
      "deb http://m.example/debian bookworm main contrib # the mirror",
      "deb\thttp://m.example/debian \t bookworm\tmain",
      "deb [arch=amd64,i386 color=red] http://m.example/debian bookworm main",
      "deb [ arch=amd64 trusted=yes ] http://m.example/debian/ bookworm main",
      "deb [trusted=yes ] \"http://m.example/with blank\" bookworm main",
      "deb [arch+=i386] http://m.example/a%2520b bookworm main\n\n# nothing\n",
      "deb [lang=none,de by-hash=force] http://m.example/debian bookworm main\ndeb http://m.example/debian bookworm contrib",
      "deb http://flat.example/ ./\ndeb http://flat.example/debian sub/folder/",
      "deb http://[2001:db8::1]:8080/debian bookworm main",
      "deb mirror+file:/etc/apt/mirrors/debian.list bookworm main",
      "deb cdrom:[Debian GNU/Linux 12 - x y]/ bookworm main # [ no bracket",
    ])
  func oneLineEntries(text: String) throws { try expectSame(text, "a.list") }

  @Test(
    "deb822 entries",
    arguments: [
      """
      # comment
      Types: deb
      URIs: http://m.example/debian
        http://n.example/debian
      # another
      Suites: bookworm
       bookworm-updates
      Components: main contrib
      Languages: none
      X-Repolib-Name: The mirror
      """,
      """
      types: deb
      uris: http://m.example/debian
      suites: bookworm
      components: main
      enabled: disable

      Types: deb
      URIs: http://n.example/debian
      Suites: bookworm
      Components: main
      Enabled: with
      """,
      "Types: deb\nURIs: http://flat.example/\nSuites: ./\nTrusted: yes\n",
      "Types: deb deb-src\nURIs: http://m.example/a%20b\nSuites: bookworm\nComponents: main\nArchitectures: amd64 i386\n",
      "Types: deb\nURIs: http://m.example/\nSuites: bookworm\nComponents: main\nArchitectures-Remove: amd64\nArchitectures-Add: i386\n",
      "\n\nTypes: deb\nURIs:\n http://m.example/\nSuites:\n bookworm\nComponents:\n main\n\n\n",
    ])
  func deb822Entries(text: String) throws { try expectSame(text, "a.sources") }

  private func expectSame(_ text: String, _ name: String) throws {
    try withScratch { scratch in
      _ = try aptOfTest(scratch)
      func uris(_ text: String, _ name: String) throws -> Set<String> {
        let file = try scratch.write(text, to: name)
        let outcome = try bash(
          "apt-get update --print-uris -o Dir::Etc::sourcelist='\(file)' -o Dir::Etc::sourceparts=/dev/null",
          environment: ["APT_CONFIG": scratch("machine/apt.conf")])
        #expect(outcome.status == 0, "\(outcome)")
        // In 'quotes'; deb-src is left out. Where a blank is in one, %20 means the same.
        let uris = outcome.output.split(separator: "\n").map {
          String($0.split(separator: "'")[0]).replacing(" ", with: "%20")
        }
        return Set(uris.filter { !$0.contains("/source/") })
      }
      let entries =
        name.hasSuffix(".list")
        ? try AptSource.parse(oneLine: text, file: name) : try AptSource.parse(deb822: text, file: name)
      let original = try uris(text, name)
      #expect(!original.isEmpty)
      #expect(try uris(AptSources(entries: entries).text, "ours.sources") == original)
    }
  }
}
