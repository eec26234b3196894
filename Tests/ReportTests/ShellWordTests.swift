// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("Words for a shell") struct ShellWordTests {
  @Test(
    "bash reads each word as the bytes that it was made of",
    arguments: [
      "", "plain", "--mode=root", "a b", "it's", "'", "\\", "a\\nb", "$HOME `id` \"x\" *?[", "~", "#", "!x", "ü 🦉",
      "new\nline", "tab\t'\\", "\u{1B}[2J", "\u{202E}abc", "0\u{7F}0",
    ].map { ByteString($0) } + [ByteString([0xE9, 0x41, 0x27, 0xFF]), ByteString([0x5C, 0xC3])])
  func roundTrip(name: ByteString) throws {
    let read = try bash("printf %s \(name.shellWord)")
    #expect(read.bytes == name.bytes, "\(name.shellWord)")
    #expect(!name.shellWord.utf8.contains { $0 < 0x20 || $0 == 0x7F })
  }

  @Test("what needs no quotes has none")
  func bare() {
    #expect(ByteString("--mode=root").shellWord == "--mode=root")
    #expect(ByteString("/dev/vg0/vm1,2").shellWord == "/dev/vg0/vm1,2")
    #expect(ByteString("a b").shellWord == "'a b'")
  }
}
