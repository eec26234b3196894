// SPDX-License-Identifier: Apache-2.0
import Host
import TestSupport
import Testing

@Suite("The words of Python")
struct PythonTests {
  @Test(
    "int() takes decimal digits, with a sign and white space around",
    arguments: [
      ("5", "5"), (" +05\n", "5"), ("-0", "0"), ("-12", "-12"), ("99999999999999999999", "99999999999999999999"),
      ("", nil),
      ("five", nil), ("0x5", nil), ("5.0", nil), ("5 5", nil), ("+", nil), ("5L", nil), ("5\u{0}", nil),
    ] as [(String, String?)])
  func intTakesDecimal(_ text: String, _ number: String?) {
    #expect(Python.two.integer(Array(text.utf8)) == number)
    #expect(Python.three.integer(Array(text.utf8)) == number)
  }

  @Test("version 3 takes underscores between digits") func version3Takes() {
    #expect(Python.three.integer(Array("1_0".utf8)) == "10")
    #expect(Python.three.integer(Array("1__0".utf8)) == nil)
    #expect(Python.two.integer(Array("1_0".utf8)) == nil)
  }

  @Test("what is not a number is shown by repr(), as much of it as the message has room for") func notNumberShown() {
    let start = "invalid literal for int() with base 10: "
    #expect(Python.two.refusal(ofInteger: Array("five".utf8)) == start + "'five'")
    #expect(Python.two.refusal(ofInteger: Array("5\u{0}".utf8)) == "null byte in argument for int()")
    #expect(Python.two.refusal(ofInteger: Array("é".utf8)) == start + #"'\xc3\xa9'"#)
    let long = [UInt8](repeating: 0x61, count: 300)
    #expect(Python.two.refusal(ofInteger: long).utf8.count == start.utf8.count + 202)
    #expect(Python.three.refusal(ofInteger: long).utf8.count == start.utf8.count + 200)
  }

  @Test("lists, sets and lines are those of each version") func listsSetsLines() {
    #expect(Python.two.list(["20", "99999999999999999999"]) == "[20, 99999999999999999999L]")
    #expect(Python.three.list(["99999999999999999999"]) == "[99999999999999999999]")
    #expect(Python.two.frozenset([10, 15, 20]) == "frozenset([10, 20, 15])")
    #expect(Python.three.frozenset([10, 15, 20]) == "frozenset({10, 20, 15})")
    #expect(Python.two.lines(of: Array("a\r\nb\rc\n\n".utf8)).map(\.count) == [1, 1, 1, 0])
    #expect(Python.two.lines(of: Array("a\u{0B}b".utf8)).count == 1)
    #expect(Python.three.lines(of: Array("a\u{0B}b".utf8)).count == 2)
  }

  @Test("repr() and int() are those of the Python on this machine", .enabled(if: hasPython, "needs python3"))
  func reprIntThose() throws {
    for text in [
      "", "it's", "\"", "'\"", "a\\b", "\u{1}\u{7f}\u{80}\u{a0}é\u{ad}漢\u{2028}\u{1F600}", "\t5\n", "1_0", "-7",
    ] {
      let outcome = try bash(
        """
        python3 -c '
        import os, sys
        text = os.environ["TEXT"]
        print(ascii(repr(text)))
        try: print(int(text.strip()))
        except ValueError as error: print(ascii(str(error)))
        print(repr(frozenset([10, 15, 20])))
        '
        """, environment: ["TEXT": text])
      let bytes = Array(text.utf8)
      let stripped = Python.three.strip(bytes)
      let number = Python.three.integer(bytes) ?? ascii(Python.three.refusal(ofInteger: stripped))
      #expect(
        outcome.output == "\(ascii(Python.three.repr(bytes)))\n\(number)\n\(Python.three.frozenset([10, 15, 20]))\n")
    }
  }

  /// ascii() of a text that has quotes of its own around it or in it.
  private func ascii(_ text: String) -> String {
    let quote = text.contains("'") && !text.contains("\"") ? "\"" : "'"
    let words = text.unicodeScalars.map { scalar in
      switch scalar.value {
      case 0x5C: "\\\\"
      case 0x27 where quote == "'": "\\'"
      case 0x20...0x7E: String(scalar)
      case 0..<0x100: "\\x" + hexadecimal(scalar, 2)
      case 0x100..<0x10000: "\\u" + hexadecimal(scalar, 4)
      default: "\\U" + hexadecimal(scalar, 8)
      }
    }
    return quote + words.joined() + quote
  }

  private func hexadecimal(_ scalar: Unicode.Scalar, _ count: Int) -> String {
    let digits = String(scalar.value, radix: 16)
    return String(repeating: "0", count: count - digits.count) + digits
  }

  private static let hasPython = (try? bash("command -v python3"))?.status == 0
}
