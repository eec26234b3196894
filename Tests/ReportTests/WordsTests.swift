// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@Suite("Sizes, rates and times in words")
struct WordsTests {
  @Test(
    "a size has one decimal below ten and none above",
    arguments: [
      (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (10188, "9.9 KiB"),
      (10189, "10 KiB"), (378_535_936, "361 MiB"), (1_047_552, "1023 KiB"), (1_048_063, "1023 KiB"),
      (1_048_064, "1.0 MiB"), (1 << 30, "1.0 GiB"), (1 << 40, "1.0 TiB"), (UInt64.max, "16 EiB"),
    ] as [(UInt64, String)])
  func bytes(size: UInt64, words: String) {
    #expect(Words.bytes(size) == words)
  }

  @Test(
    "a duration has the unit that a reader wants",
    arguments: [
      (.zero, "0.00 s"), (.milliseconds(4), "0.00 s"), (.milliseconds(5), "0.01 s"), (.milliseconds(420), "0.42 s"),
      (.milliseconds(9994), "9.99 s"), (.milliseconds(9996), "10.0 s"), (.milliseconds(12_345), "12.4 s"),
      (.milliseconds(59_940), "59.9 s"), (.milliseconds(59_960), "1 min 00 s"), (.seconds(65), "1 min 05 s"),
      (.seconds(3599), "59 min 59 s"), (.seconds(7620), "2 h 07 min"),
    ] as [(Duration, String)])
  func duration(duration: Duration, words: String) {
    #expect(Words.duration(duration) == words)
  }

  @Test("the time left is in whole seconds and never less than is left")
  func timeLeft() {
    #expect(Words.timeLeft(.zero) == "0 s")
    #expect(Words.timeLeft(.milliseconds(11_200)) == "12 s")
    #expect(Words.timeLeft(.seconds(59)) == "59 s")
    #expect(Words.timeLeft(.milliseconds(59_500)) == "1 min 00 s")
  }

  @Test("a rate needs a time")
  func rate() {
    #expect(Words.rate(bytes: 1 << 30, in: .seconds(1)) == "1.0 GiB/s")
    #expect(Words.rate(bytes: 1 << 30, in: .zero) == nil)
    #expect(Words.rate(bytes: .max, in: .milliseconds(10)) == "8.0 EiB/s")
  }

  @Test("a text from elsewhere cannot steer the terminal, nor fill it")
  func printable() {
    #expect(Words.printable("vm1\u{1B}[2J\r\nx") == "vm1\\x1b[2J\\r\\nx")
    #expect(Words.printable(String(repeating: "é", count: 9), limit: 4) == "éééé…")
    #expect(Words.printable("plain words", limit: 11) == "plain words")
  }
}
