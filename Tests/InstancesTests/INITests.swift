// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import TestSupport
import Testing

@testable import Instances

@Suite struct INITests {
  private func parse(_ text: String) throws -> INI { try INI(parsing: Array(text.utf8), file: "/x.ini") }

  /// What Python's ConfigParser makes of a text: `[section]name=value` with newlines as `|`.
  private func python(_ file: String) throws -> String {
    try shell(
      """
      /usr/bin/python3 -c '
      import configparser, sys
      p = configparser.ConfigParser()
      p.read(sys.argv[1])
      for s in p.sections():
        for k in p.options(s):
          print("[%s]%s=%s" % (s, k, p.get(s, k).replace(chr(10), "|")))
      ' '\(file)'
      """)
  }

  private func told(_ file: INI) -> String {
    file.sections.flatMap { section in
      section.entries.map { "[\(section.name)]\($0.name)=\($0.value.replacing("\n", with: "|"))" }
    }.joined(separator: "\n")
  }

  @Test(
    "a text is read as Python reads it",
    arguments: [
      "[a]\nx = 1\ny: 2\nZ=three words\n\n[b c]\nempty =\n",
      "# comment\n[a]\n; another\nx = 1\n  two\n\tthree\ny = 2\n",
      "[a]\r\nx = 1\r\ny = a # b ; c\r\n", "[a]\nx = 50%% = half\n  # not here\n  more\n\n\ny = http://a:1/?b=c\n",
      "[a]\n  x = 1\n  y = 2\n    on\n  z = 3\n", "[a]\nx = äöü \u{2028} end\n", "\n\n[a]\n", "",
    ])
  func textReadPython(_ text: String) throws {
    try withScratch { folder in
      let (ours, theirs) = (told(try parse(text)), try python(folder.write(text, to: "x.ini")))
      #expect(ours == theirs)
    }
  }

  @Test("what is written is read again, here and by Python") func writtenReadAgain() throws {
    var file = INI(file: "x")
    var section = INI.Section(name: "a b")
    let values = [
      "", "50 % of it", "one\ntwo\nthree", "a = b : c", "# no comment", "[x]", "ä", "None", "%(x)s", "100%",
    ]
    for (index, value) in values.enumerated() { section.set("key\(index)", value) }
    file.sections = [section, INI.Section(name: "empty")]
    let again = try parse(file.text)
    #expect(again.sections.map(\.name) == ["a b", "empty"])
    #expect(again.sections[0].entries.map(\.value) == values)
    try withScratch { folder in
      let theirs = try python(folder.write(file.text, to: "x.ini"))
      #expect(told(file) == theirs)
    }
  }

  @Test(
    "a value that would come back as another one is not written",
    arguments: [" x", "x ", "a\n\nb", "a\n b", "a\n# b", "a\nb\n", "bell\u{7}", "a\rb", "nul\0"])
  func valueWouldCome(_ value: String) {
    #expect(INI.fault(inValue: value) != nil)
  }

  @Test(
    "a fault is told with its file and line",
    arguments: [
      ("x = 1\n", "/x.ini, line 1: 'x = 1' stands before the first [section]"),
      ("[a]\nhello\n", "/x.ini, line 2: 'hello' is neither [section] nor name = value"),
      ("[a]\n= 1\n", "/x.ini, line 2: '= 1' has no name before the ="),
      ("[a]\nx = 1\nX = 2\n", "/x.ini, line 3: 'x' is given twice in [a]"),
      ("[a]\n[b]\n[a]\n", "/x.ini, line 3: the section [a] is there twice"),
      ("[a\n", "/x.ini, line 1: '[a' is not a [section]"), ("[]\n", "/x.ini, line 1: '[]' is not a [section]"),
      ("[a]\nx = \u{0}\n", "/x.ini, line 2: it is not text in UTF-8"),
    ])
  func faultToldFile(_ text: String, _ message: String) {
    #expect(failure { _ = try parse(text) }?.message == message)
  }

  @Test("bytes that are not text, a file that is too long and one that is none are refused") func bytesNotText() throws
  {
    try withScratch { folder in
      #expect(
        failure { _ = try INI(parsing: [0x5b, 0xff, 0x5d], file: "x") }?.message == "x, line 1: it is not text in UTF-8"
      )
      try makeSparseFile(folder("long"), size: 2 << 20)
      #expect(failure { _ = try INI(reading: folder("long")) }?.message.contains("1048576 are the most") == true)
      try shell("cd '\(folder.path)'; mkfifo pipe; echo '[a]' > real; ln -s real link")
      for name in ["pipe", "link", "missing"] { #expect(failure { _ = try INI(reading: folder(name)) } != nil) }
    }
  }
}
