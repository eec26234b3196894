// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@Suite struct JSONTests {
  @Test func `a value is written indented, its members in the order given`() {
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

  @Test func `what would end a string or a line is escaped`() {
    #expect(JSON.string("a\"b\\c\nd\te\u{1}f\u{7f}ü").serialized() == #""a\"b\\c\nd\te\u0001f\u007fü""#)
  }

  @Test func `a crlf, one character to Swift, is two in JSON`() {
    #expect(JSON.string("a\r\nb").serialized() == #""a\r\nb""#)
    #expect("a\r\nb".escaped == #"a\r\nb"#)
  }
}
