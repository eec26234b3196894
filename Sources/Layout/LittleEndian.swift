// SPDX-License-Identifier: Apache-2.0

extension [UInt8] {
  /// The number of `width` bytes at `offset`, the lowest byte first.
  func number(at offset: Int, _ width: Int) -> UInt64 {
    self[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Writes the lowest `width` bytes of a number at `offset`, the lowest byte first.
  mutating func put(_ number: UInt64, at offset: Int, _ width: Int) {
    for index in 0..<width { self[offset + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index)) }
  }

  /// Writes bytes over those at `offset`.
  mutating func put(_ bytes: [UInt8], at offset: Int) { replaceSubrange(offset..<offset + bytes.count, with: bytes) }

  /// The CRC-32 of ISO 3309, as GPT has it.
  var crc32: UInt32 {
    ~reduce(UInt32.max) { $0 >> 8 ^ crcTable[Int(($0 ^ UInt32($1)) & 0xFF)] }
  }
}

private let crcTable: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(byte) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
}
