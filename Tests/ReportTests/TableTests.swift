// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@Suite("Tables") struct TableTests {
  @Test("columns line up whatever a name has in it")
  func hostile() {
    let table = Table(
      [["a\u{1B}[2Jb", "1", "x"], ["plain", "200", "y"], ["n\new\tt", "30", "\u{202E}z"]],
      header: ["Name", "Size", "State"], rightAligned: [1])
    #expect(
      table.lines == [
        #"Name       Size  State"#,
        #"a\x1b[2Jb     1  x"#,
        #"plain       200  y"#,
        #"n\new\tt     30  \xe2\x80\xaez"#,
      ])
  }

  @Test("a wide character takes two columns, and a mark on another one none")
  func wide() {
    let lines = Table([["名前", "x"], ["🦉", "x"], ["e\u{301}", "x"], ["four", "x"], ["ｆ1", "x"]]).lines
    #expect(lines == ["名前  x", "🦉    x", "e\u{301}     x", "four  x", "ｆ1   x"])
  }

  @Test("nothing stands behind the last cell, and rows may be short")
  func ends() {
    #expect(Table([["a", "b"], ["long"], ["", "c"]]).lines == ["a     b", "long", "      c"])
    #expect(Table([["", "c "], ["a", ""], ["", ""]]).lines == ["   c ", "a", ""])
    #expect(Table([]).lines.isEmpty)
  }
}
