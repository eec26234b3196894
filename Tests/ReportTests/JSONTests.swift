// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@Suite struct JSONTests {
  @Test("a value is written indented, its members in the order given") func valueWrittenIndented() {
    let value: JSON = ["name": "noop", "valid": true, "versions": [20, 15], "path": nil, "none": [], "empty": [:]]
    #expect(
      value.serialized() == """
        {
          "name": "noop",
          "valid": true,
          "versions": [
            20,
            15
          ],
          "path": null,
          "none": [],
          "empty": {}
        }
        """)
  }

  @Test("what would end a string or a line is escaped") func wouldEndString() {
    #expect(JSON.string("a\"b\\c\nd\te\u{1}f\u{7f}ü").serialized() == #""a\"b\\c\nd\te\u0001f\u007fü""#)
  }

  @Test("a crlf, one character to Swift, is two in JSON") func crlfOneCharacter() {
    #expect(JSON.string("a\r\nb").serialized() == #""a\r\nb""#)
    #expect("a\r\nb".escaped == #"a\r\nb"#)
  }
}
