// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Configuration

@Suite("Reading TOML")
struct TOMLTests {
  @Test(
    "values are what the specification of TOML says",
    arguments: [
      (#""a \"b\" \\ \t\u00e9\U0001F600""#, .text("a \"b\" \\ \té😀")),
      (#"'C:\no "escape"'"#, .text(#"C:\no "escape""#)),
      ("\"\"", .text("")), ("''", .text("")), ("\"\"\"\"\"\"", .text("")),
      ("\"\"\"\none\ntwo\\\n   \n  three\"\"\"", .text("one\ntwothree")),
      ("'''\n'one' \\\n'''''", .text("'one' \\\n''")),
      ("\"\"\"\"two quotes\"\"\"\"\"", .text("\"two quotes\"\"")),
      ("\"# no comment\" # a comment", .text("# no comment")), ("42", .integer(42)), ("+1_000", .integer(1000)),
      ("-17", .integer(-17)), ("0", .integer(0)), ("0xDEAD_beef", .integer(0xDEAD_BEEF)), ("0o755", .integer(0o755)),
      ("0b101", .integer(5)), ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("3.5", .decimal(3.5)), ("-0.01", .decimal(-0.01)), ("5e+2", .decimal(500)), ("1_0.2_5E-1", .decimal(1.025)),
      ("inf", .decimal(.infinity)), ("-inf", .decimal(-.infinity)), ("true", .flag(true)), ("false", .flag(false)),
      ("[]", .list([])), ("[ \"a\", # b\n\n 'c' , ]", .list(["a", "c"])),
      ("[1, 2]", .other("a list of something other than strings")),
      ("[[\"a\"]]", .other("a list of something other than strings")),
      ("{}", .other("a table")), ("{ a = 1, b.\"c\" = [ {} ] }", .other("a table")), ("1979-05-27", .other("a date")),
      ("1979-05-27T07:32:00Z", .other("a date")), ("1979-05-27 07:32:00.5", .other("a date")),
      ("07:32:00", .other("a time")),
    ] as [(String, Value)])
  func values(text: String, value: Value) throws {
    #expect(try TOMLReader("k = \(text)\nnext=1\r\n").entries.first?.value == value)
    #expect(try TOMLReader("k=\(text)").entries.map(\.value) == [value])
  }

  @Test(
    "what is not TOML is refused",
    arguments: [
      "k", "k =", "k = \n1", "= 1", "k = 1 2", "k = 1\rj = 2", "k = a", "k = 01", "k = 1__0", "k = _1", "k = 1_",
      "k = 0x", "k = +0x1",
      "k = 1.", "k = .5", "k = 1e", "k = 1.e5", "k = 9223372036854775808", "k = True", "k = \"a", "k = \"a\nb\"",
      "k = 'a'b'",
      "k = \"\\x41\"", "k = \"\\ud800\"", "k = \"\\u12\"", "k = \"\\U00110000\"", "k = \"\u{1}\"", "k = [1", "k = [,]",
      "k = [1,,]",
      "k = [1 2]", "k = {", "k = { a }", "k = { a = 1,, }", "k k = 1", "k. = 1", ".k = 1", "[k", "[]", "[[k]", "[k]]",
      "[k] j = 1",
      "k = 1\nk = 2", "k = 1\n\"k\" = 2", "é = 1", "\"\"\"k\"\"\" = 1", "# \u{0}", "k = \"\"\"a", "k = '''a''",
      "k = 1 # \u{7F}", "]",
    ])
  func refused(text: String) {
    #expect(throws: TOMLReader.Fault.self) { try TOMLReader(text) }
  }

  @Test("each key has the line on which it begins")
  func lines() throws {
    let text = "\u{FEFF}# c\na = '''\n\n'''\n\nb = [\n1,\n]\r\n \"c d\" = \"\"\"\\\n\n x\"\"\"\n[t.u]\nv = 1\n[[w]]\n"
    let entries = try TOMLReader(text).entries
    #expect(entries.map(\.name) == ["a", "b", "c d", "t", "w"])
    #expect(entries.map(\.line) == [2, 6, 9, 12, 14])
    #expect(entries.map(\.value)[2...] == [.text("x"), .other("a table"), .other("a table")])
  }

  @Test("a fault has its line", arguments: [("a = 1\n\nb = ?\n", 3), ("a = '''\n\n", 3), ("a = [\n1\n2", 3)])
  func faultLine(text: String, line: Int) {
    #expect {
      try TOMLReader(text)
    } throws: { error in
      (error as? TOMLReader.Fault)?.line == line
    }
  }

  @Test("whatever the text, the answer is a document or a fault")
  func fuzz() {
    let pieces = [
      "[", "]", "{", "}", "=", ".", ",", "\"", "\"\"\"", "'", "'''", "\\", "\n", "\r\n", "\r", " ", "\t", "#", "a", "b",
      "1",
      "-", "_", "1e9", "0x", "true", "inf", "1979-05-27", ":", "\u{FEFF}", "\u{A0}", "é", "\u{7F}", "\\u12",
    ]
    // Always the same texts: a linear congruential generator.
    var state: UInt64 = 1
    var count = 0
    for _ in 0..<5000 {
      var text = "a="
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text += pieces[Int(state >> 33) % pieces.count]
      }
      if (try? TOMLReader(text)) != nil { count += 1 }
    }
    #expect((1..<5000).contains(count))
  }
}
