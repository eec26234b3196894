// SPDX-License-Identifier: Apache-2.0

extension [UInt8] {
  mutating func put(_ value: UInt64, at offset: Int, _ width: Int) {
    for index in 0..<width {
      self[offset + index] = index < 8 ? UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) : 0
    }
  }
}

/// As in zlib, a bit at a time.
func crc32(_ bytes: [UInt8]) -> UInt32 {
  var crc = UInt32.max
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  return ~crc
}
