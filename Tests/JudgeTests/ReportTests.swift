// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("What the judge writes")
struct ReportTests {
  @Test("The page and the XML need nothing else, and show what is hostile as text")
  func hostile() throws {
    try withScratch { scratch in
      let folder = try scratch.example("tiny-10")
      try scratch.write("<script>alert('1')</script>\u{1B}[31m&\n", to: "os/tiny-10/ganeti_api_version")
      let outcome = try bash(
        "'\(program)' os check '\(folder)' --static --html '\(scratch("page.html"))' --junit '\(scratch("junit.xml"))'")
      #expect(outcome.status == 10)
      #expect(!outcome.output.contains("\u{1B}"))
      let page = try scratch.read("page.html")
      #expect(page.contains("&lt;script&gt;"))
      for word in ["<script", "http:", "https:", "src=", "@import", "url("] { #expect(!page.contains(word)) }
      #expect(try scratch.read("junit.xml").contains("&lt;script&gt;"))
      // A reader of XML judges it.
      try shell(
        "python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' '\(scratch("junit.xml"))'")
    }
  }

  @Test("A file that cannot be written is told before anything is tried, and a full disk does not lose the table")
  func unwritable() throws {
    for option in ["--html", "--junit"] {
      let missing = try bash("'\(program)' os check '\(examples)/tiny-10' --static \(option) /nonexistent/report")
      #expect(missing.status == 1 && missing.output.isEmpty, "\(missing)")
      #expect(missing.errors.contains("/nonexistent/report"))
      let full = try bash("'\(program)' os check '\(examples)/tiny-10' --static \(option) /dev/full")
      #expect(full.status != 0 && full.output.contains("tiny-10: accepted"), "\(full)")
      #expect(full.errors.contains("/dev/full"))
    }
  }

  @Test("The table has a line for each check, and the failures in full")
  func table() throws {
    try withScratch { scratch in
      let outcome = try bash("'\(program)' os check '\(scratch.example("broken-missing-rename"))' --static")
      #expect(outcome.output.contains("static.scripts            fail"))
      #expect(outcome.output.contains("static.scripts: rename: No such file or directory"))
      #expect(outcome.output.contains("  | rename: No such file or directory"))
      #expect(outcome.output.hasSuffix("not accepted, 5 passed, 2 failed, 2 not applicable\n"))
    }
  }
}
