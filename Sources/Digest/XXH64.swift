// SPDX-License-Identifier: Apache-2.0

/// XXH64 with seed 0 as it goes (https://github.com/Cyan4973/xxHash, "XXH64 algorithm description").
///
/// It finds every damage that chance does, at memory speed; it is not protection against intent.
package struct XXH64: Sendable {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  private var lanes: (UInt64, UInt64, UInt64, UInt64) = (prime1 &+ prime2, prime2, 0, 0 &- prime1)
  /// What does not fill a stripe of 32 bytes yet.
  private var rest: [UInt8] = []
  private var count: UInt64 = 0

  package init() {
    rest.reserveCapacity(32)
  }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    count &+= UInt64(bytes.count)
    var input = bytes[...]
    if !rest.isEmpty {
      let wanted = Swift.min(32 - rest.count, input.count)
      rest.append(contentsOf: input.prefix(wanted))
      input = input.dropFirst(wanted)
      guard rest.count == 32 else { return }
      rest.withUnsafeBytes { lanes = Self.stripes(of: $0, lanes) }
      rest.removeAll(keepingCapacity: true)
    }
    let whole = UnsafeRawBufferPointer(rebasing: input.prefix(input.count & ~31))
    lanes = Self.stripes(of: whole, lanes)
    rest.append(contentsOf: input.dropFirst(whole.count))
  }

  package mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// The digest of everything so far; the state goes on from there.
  package var value: UInt64 {
    var hash: UInt64
    if count >= 32 {
      hash =
        Self.rotate(lanes.0, 1) &+ Self.rotate(lanes.1, 7) &+ Self.rotate(lanes.2, 12) &+ Self.rotate(lanes.3, 18)
      for lane in [lanes.0, lanes.1, lanes.2, lanes.3] {
        hash = (hash ^ Self.round(0, lane)) &* Self.prime1 &+ Self.prime4
      }
    } else {
      hash = Self.prime5
    }
    hash &+= count
    var tail = rest[...]
    while tail.count >= 8 {
      hash = Self.rotate(hash ^ Self.round(0, Self.littleEndian(tail.prefix(8))), 27) &* Self.prime1 &+ Self.prime4
      tail = tail.dropFirst(8)
    }
    if tail.count >= 4 {
      hash = Self.rotate(hash ^ (Self.littleEndian(tail.prefix(4)) &* Self.prime1), 23) &* Self.prime2 &+ Self.prime3
      tail = tail.dropFirst(4)
    }
    for byte in tail {
      hash = Self.rotate(hash ^ (UInt64(byte) &* Self.prime5), 11) &* Self.prime1
    }
    hash = (hash ^ (hash >> 33)) &* Self.prime2
    hash = (hash ^ (hash >> 29)) &* Self.prime3
    return hash ^ (hash >> 32)
  }

  private static func stripes(
    of bytes: UnsafeRawBufferPointer, _ lanes: (UInt64, UInt64, UInt64, UInt64)
  ) -> (UInt64, UInt64, UInt64, UInt64) {
    var lanes = lanes
    var position = 0
    while position < bytes.count {
      lanes.0 = round(lanes.0, lane(bytes, position))
      lanes.1 = round(lanes.1, lane(bytes, position + 8))
      lanes.2 = round(lanes.2, lane(bytes, position + 16))
      lanes.3 = round(lanes.3, lane(bytes, position + 24))
      position += 32
    }
    return lanes
  }

  private static func lane(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  private static func round(_ accumulator: UInt64, _ input: UInt64) -> UInt64 {
    rotate(accumulator &+ input &* prime2, 31) &* prime1
  }

  private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
    value << bits | value >> (64 - bits)
  }

  private static func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
