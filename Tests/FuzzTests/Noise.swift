// SPDX-License-Identifier: Apache-2.0

/// The generator of Steele, Lea and Flood: the same numbers in every run.
struct Noise: RandomNumberGenerator {
  private var state: UInt64

  /// - Parameter index: of the case in a run with `seed`.
  init(seed: UInt64, index: Int) {
    state = seed &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(index) &* 0xD134_2543_DE82_EF95
    _ = next()
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  mutating func chance(_ percent: Int) -> Bool { number(1...100) <= percent }

  mutating func one<T>(of values: [T]) -> T { values[number(0...values.count - 1)] }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

  /// A number that code is likely to stumble over, or any.
  mutating func value() -> UInt64 {
    guard chance(75) else { return next() }
    return one(of: [
      0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE,
      0xFFFF_FFFF, 1 << 32, 1 << 48, 1 << 62, UInt64(Int64.max), 1 << 63, .max,
    ])
  }
}

extension [UInt8] {
  func number(_ offset: Int, _ width: Int) -> Int {
    guard offset >= 0, offset + width <= count else { return 0 }
    return Int(truncatingIfNeeded: self[offset..<offset + width].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }

  /// Writes a number with its lowest byte first; nothing where it would lie outside.
  mutating func put(_ value: UInt64, at offset: Int, _ width: Int, bigEndian: Bool = false) {
    guard offset >= 0, offset + width <= count else { return }
    for index in 0..<width {
      let shift = 8 * (bigEndian ? width - 1 - index : index)
      self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(shift))
    }
  }
}

/// As in zlib, xz and GPT.
func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
  ~bytes.reduce(UInt32.max) { sum, byte in
    (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum & 1 != 0 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
  }
}
