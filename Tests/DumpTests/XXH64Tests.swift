// SPDX-License-Identifier: Apache-2.0
import Digest
import Dump
import Testing

@Suite("XXH64")
struct XXH64Tests {
  private func digest(_ bytes: [UInt8]) -> UInt64 {
    var digest = XXH64()
    digest.update(bytes)
    return digest.value
  }

  @Test(
    "gives the digests that its authors publish",
    arguments: [
      ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
      ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
    ] as [(String, UInt64)])
  func vectors(_ text: String, _ value: UInt64) {
    #expect(digest(Array(text.utf8)) == value)
  }

  @Test("gives the same in pieces as at once")
  func pieces() {
    var random = SplitMix(state: 9)
    for length in 0...200 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      var inPieces = XXH64()
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = rest.prefix(Int.random(in: 1...50, using: &random))
        inPieces.update(Array(piece))
        rest = rest.dropFirst(piece.count)
      }
      #expect(inPieces.value == digest(bytes))
    }
  }

  @Test("agrees with the checksum that zstd puts behind a frame", .enabled(if: has("zstd")))
  func zstd() throws {
    let scratch = try Scratch()
    for length in [0, 1, 4, 7, 8, 31, 32, 33, 100, 5000] {
      let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37) }
      try scratch.write("in", bytes)
      try scratch.shell("zstd -qfc --check in >out")
      let last = try scratch.read("out").suffix(4).reversed().reduce(0) { $0 << 8 | UInt64($1) }
      #expect(last == digest(bytes) & 0xFFFF_FFFF, "\(length) bytes")
    }
  }
}
