// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// An IPv4 or IPv6 address, and what can be told of it and a prefix.
package struct IPAddress: Hashable, Sendable {
  /// Four or sixteen, in network order.
  package let bytes: [UInt8]

  /// Nil where the text is not an address as inet_pton(3) reads it: no prefix, no zone, no blank.
  package init?(_ text: some StringProtocol) {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x3A, 0x41...0x46, 0x61...0x66, UInt8(ascii: "."): true
      default: false
      }
    }
    guard isPlain else { return nil }
    for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: count)
      if inet_pton(family, String(text), &bytes) == 1 {
        self.bytes = bytes
        return
      }
    }
    return nil
  }

  package var isIPv6: Bool { bytes.count == 16 }
  package var familyName: String { isIPv6 ? "IPv6" : "IPv4" }
  /// 32 or 128.
  package var longestPrefix: Int { bytes.count * 8 }

  /// Whether both are in the same network of this prefix.
  package func isNear(_ other: IPAddress, prefix: Int) -> Bool {
    bytes.count == other.bytes.count
      && (0..<min(prefix, longestPrefix)).allSatisfy { bit in
        (bytes[bit / 8] ^ other.bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
      }
  }

  /// Whether it is more than the address of a network of this prefix.
  package func hasBits(behind prefix: Int) -> Bool {
    (prefix..<longestPrefix).contains { bytes[$0 / 8] & (0x80 >> UInt8($0 % 8)) != 0 }
  }

  /// Whether it is one of the link alone (RFC 4291, 2.5.6; RFC 3927).
  package var isOfLink: Bool {
    isIPv6 ? bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 : bytes[0] == 169 && bytes[1] == 254
  }

  package var isOfLoopback: Bool {
    isIPv6 ? bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1 : bytes[0] == 127
  }

  /// Why no interface in a network of this prefix can have it, as it follows "it is"; nil where one can.
  package func fault(prefix: Int) -> String? {
    if bytes.allSatisfy({ $0 == 0 }) { return "the address of none" }
    if isOfLoopback { return "an address of the loopback" }
    if isIPv6 ? bytes[0] == 0xFF : bytes[0] >= 224 { return "not the address of one machine" }
    // In a network of two both are addresses of machines (RFC 3021, RFC 6164).
    guard prefix < longestPrefix - 1 else { return nil }
    let rest = (prefix..<longestPrefix).map { bytes[$0 / 8] & (0x80 >> UInt8($0 % 8)) != 0 }
    if !rest.contains(true) { return "the address of the network itself" }
    if !isIPv6, !rest.contains(false) { return "the broadcast address of the network" }
    return nil
  }
}
