// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("Names as bytes")
struct ByteStringTests {
  /// What names on Linux can be.
  static let names: [[UInt8]] = [
    Array("caf".utf8) + [0xE9], Array("caf".utf8) + [0xE8], Array("café".utf8), Array("cafe\u{301}".utf8),
    Array("\u{202E}gpj.exe".utf8), Array("\u{9B}2J".utf8), [0x9B], Array("\u{1B}[2J".utf8), Array("a\nb\\n\\xe9".utf8),
    Array("\u{10FFE9}".utf8), [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF0, 0x9F], Array(1...255),
    Array("-rf *".utf8), Array("it's".utf8), Array("日本語".utf8), Array("\u{FFFD}".utf8), Array("\u{FFFF}".utf8),
  ]

  @Test("names of other bytes are other names, in the order of the bytes") func namesOtherBytes() {
    #expect(Set(Self.names.map { ByteString($0) }).count == Self.names.count)
    #expect(ByteString("e\u{301}") != ByteString("é"))
    #expect(ByteString([0xE9]) > ByteString("é"))
  }

  @Test("what is shown is one line of text, other for each name, and bash reads the name from it") func shownOneLine()
    throws
  {
    var shown: Set<[UInt8]> = []
    for name in Self.names {
      let text = "\(ByteString(name))"
      #expect(
        text.unicodeScalars.allSatisfy { scalar in
          ![.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
        }, "\(name)")
      #expect(shown.insert(Array(text.utf8)).inserted, "\(name)")
      #expect(text.escaped == text)
      let quoted = text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "\\'")
      let read = try shell("LC_ALL=C bash <<'EOF' | od -An -v -tx1\nprintf %s $'\(quoted)'\nEOF")
      let bytes = read.split(whereSeparator: \.isWhitespace).compactMap { UInt8($0, radix: 16) }
      #expect(bytes == name, "\(text)")
    }
    #expect("\(ByteString(Array("caf".utf8) + [0xE9]))" == #"caf\xe9"#)
  }

  @Test("an argument gives its bytes back, whatever they are") func argumentGivesBytes() {
    for name in Self.names {
      let argument = String(argument: name)
      #expect(ByteString(argument: argument).bytes == name)
      #expect(argument.escaped.unicodeScalars.allSatisfy { $0.value < 0x10FF80 })
    }
    #expect(String(argument: Array("café".utf8)) == "café")
  }

  @Test("a literal joins bytes and text") func literalJoinsBytes() {
    let name = ByteString([0xE9])
    let path: ByteString = "/srv/\(name)/\("x")"
    #expect(path.bytes == Array("/srv/".utf8) + [0xE9] + Array("/x".utf8))
    #expect(path.split(separator: "/") == ["srv", name, "x"])
  }
}
