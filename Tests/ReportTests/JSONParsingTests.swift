// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@Suite struct JSONParsingTests {
  private func parse(_ text: String) throws(JSON.SyntaxError) -> JSON { try JSON(parsing: Array(text.utf8)) }

  @Test("what is written is read") func whatIsWrittenIsRead() throws {
    let value: JSON = [
      "text": "a \"b\" \\ \n\t\r \u{1} ü 🦉", "number": 42, "yes": true, "no": false, "none": nil, "empty": [],
      "nothing": [:],
      "list": [1, "two", ["three": 3]],
    ]
    #expect(try parse(value.serialized()) == value)
    #expect(value["list"]?.array?.count == 3)
    #expect(value["number"]?.integer == 42)
    #expect(value["text"]?.string?.hasPrefix("a") == true)
    #expect(value["absent"] == nil)
  }

  @Test("escapes are read") func escapesAreRead() throws {
    #expect(try parse(#" "\u00fc\ud83e\udd89\/\b\f\n" "#) == "ü🦉/\u{08}\u{0c}\n")
  }

  @Test(
    "what is not JSON is refused",
    arguments: [
      "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.5", "1e3", "-1", "9223372036854775808", "\"a",
      "\"\n\"",
      "nul", "[1] x", "1 2", "truefalse", "{\"a\"}", "\"\\", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"",
      "\"\\u12\"", "\"\\u+123\"", "\"\\x\"", "{a:1}", String(repeating: "[", count: 20),
    ])
  func whatIsNotJSONIsRefused(text: String) {
    #expect(throws: JSON.SyntaxError.self) { try parse(text) }
  }

  @Test("what is not UTF8 is refused") func whatIsNotUTF8IsRefused() {
    #expect(throws: JSON.SyntaxError.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
  }
}
