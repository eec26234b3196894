// SPDX-License-Identifier: Apache-2.0
internal import Report

/// FAT12, FAT16 or FAT32 (Microsoft, FAT: General Overview of On-Disk Format, 1.03): what is free is 0 in the table.
struct FATSpace {
  private let source: FilesystemBytes
  private let table: UInt64
  /// Of an entry.
  private let bits: UInt64
  /// Where the first cluster begins.
  private let start: UInt64
  private let clusterSize: UInt64
  private let clusters: UInt64

  init(_ source: FilesystemBytes) throws(Unsound) {
    self.source = source
    let boot = try source.record(at: 0, 512)
    let sector = try boot.little(11, 2)
    clusterSize = try boot.little(13, 1) * sector
    guard sector >= 512, sector <= 4096, sector & (sector - 1) == 0, clusterSize > 0 else { throw Unsound() }
    let (short, long) = (try boot.little(22, 2), try boot.little(36, 4))
    let length = short > 0 ? short : long
    let flags = short > 0 ? 0 : try boot.little(40, 2)
    // Of FAT32: only one of the tables is kept up.
    guard try boot.little(16, 1) > 0, length > 0, flags & 0x80 == 0 else { throw Unsound() }
    table = try boot.little(14, 2) * sector
    let root = try (boot.little(17, 2) * 32 + sector - 1) / sector
    start = table + (try boot.little(16, 1) * length + root) * sector
    let total = try (boot.little(19, 2) > 0 ? boot.little(19, 2) : boot.little(32, 4)) * sector
    guard start < total, total <= source.size else { throw Unsound() }
    clusters = (total - start) / clusterSize
    // As the kernel has it: mkfs.fat makes a FAT32 of few clusters, too.
    bits = short == 0 ? 32 : clusters < 4085 ? 12 : 16
    guard (clusters + 2) * bits <= length * sector * 8,
      try boot.little(21, 1) == source.record(at: table, 1).little(0, 1)
    else { throw Unsound() }
  }

  func each(_ body: (ByteRange) throws(Unsound) -> Void) throws(Unsound) {
    try body(ByteRange(offset: 0, length: start))
    // A multiple of what an entry of each kind takes.
    let perPiece: UInt64 = 1 << 16
    var first: UInt64 = 0
    while first < clusters + 2 {
      let count = min(perPiece, clusters + 2 - first)
      let piece = try source.record(at: table + first * bits / 8, Int((count * bits + 7) / 8))
      for index in 0..<count where first + index >= 2 {
        guard try isUsed(index, in: piece) else { continue }
        try body(ByteRange(offset: start + (first + index - 2) * clusterSize, length: clusterSize))
      }
      first += count
    }
  }

  private func isUsed(_ index: UInt64, in piece: DiskRecord) throws(Unsound) -> Bool {
    let place = Int(index * bits / 8)
    switch bits {
    case 12: return try piece.little(place, 2) >> (index % 2 * 4) & 0xFFF != 0
    case 16: return try piece.little(place, 2) != 0
    default: return try piece.little(place, 4) & 0x0FFF_FFFF != 0
    }
  }
}
