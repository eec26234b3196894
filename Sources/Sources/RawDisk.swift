// SPDX-License-Identifier: Apache-2.0
internal import Ext4

/// What the beginning of a raw disk tells of the rest.
package enum RawDisk {
  private static let protective: UInt8 = 0xEE

  /// The bytes that there must be for what is on the disk, by its superblock or its partition table; nil where
  /// neither is there.
  package static func length(beginning bytes: [UInt8]) -> UInt64? {
    func number(_ offset: Int, _ width: Int, bigEndian: Bool = false) -> UInt64 {
      guard offset + width <= bytes.count else { return 0 }
      let field = Array(bytes[offset..<offset + width])
      return (bigEndian ? field : field.reversed()).reduce(0) { $0 << 8 | UInt64($1) }
    }
    func has(_ signature: String, _ offset: Int) -> Bool { bytes.dropFirst(offset).starts(with: signature.utf8) }
    // Beside partitions superblocks are left of what the disk was before.
    let isDivided = StreamKind.hasPartitions(bytes)
    if !isDivided, let size = Superblock(Array(bytes.dropFirst(1024).prefix(1024)))?.size { return size }
    if !isDivided, has("XFSB", 0) { return product(number(4, 4, bigEndian: true), number(8, 8, bigEndian: true)) }
    if !isDivided, has("_BHRfS_M", (64 << 10) + 64) { return number((64 << 10) + 112, 8) }
    let entries = (0..<4).map { 446 + 16 * $0 }
    let goesByMBR = isDivided && !entries.contains { bytes[$0 + 4] == protective }
    for sector in [512, 4096] where !goesByMBR && has("EFI PART", sector) {
      // The last sector of the disk holds the copy of this header.
      return product(number(sector + 32, 8) &+ 1, UInt64(sector))
    }
    guard isDivided else { return nil }
    // A table that protects a GPT says what that says, or nothing.
    return entries.filter { ![0, protective].contains(bytes[$0 + 4]) }
      .map { (number($0 + 8, 4) + number($0 + 12, 4)) * 512 }.max()
  }

  private static func product(_ one: UInt64, _ other: UInt64) -> UInt64? {
    let (product, overflow) = one.multipliedReportingOverflow(by: other)
    return overflow ? nil : product
  }
}
