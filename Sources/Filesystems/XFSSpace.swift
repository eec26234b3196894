// SPDX-License-Identifier: Apache-2.0
internal import Report

/// XFS (XFS Algorithms & Data Structures, 3rd edition): each allocation group has a tree of what is free in it.
struct XFSSpace {
  private let source: FilesystemBytes
  private let blockSize: UInt64
  private let blocks: UInt64
  private let groupBlocks: UInt64
  private let groups: UInt64
  private let sectorSize: UInt64

  /// XFS_MIN_AG_BYTES.
  private static let smallestGroup: UInt64 = 16 << 20

  init(_ source: FilesystemBytes) throws(Unsound) {
    self.source = source
    let superblock = try source.record(at: 0, 512)
    blockSize = try superblock.big(4, 4)
    blocks = try superblock.big(8, 8)
    groupBlocks = try superblock.big(84, 4)
    groups = try superblock.big(88, 4)
    sectorSize = try superblock.big(102, 2)
    // Features up to parent pointers; of them "needs repair".
    let features = try superblock.big(216, 4)
    guard try superblock.big(0, 4) == 0x5846_5342, (512...65536).contains(blockSize),
      (512...32768).contains(sectorSize), groupBlocks > 0, groups > 0, try superblock.big(126, 1) == 0,
      features <= 0xFF, features & 0x10 == 0, try product(blocks, blockSize) <= source.size,
      (blocks - min(blocks, 1)) / groupBlocks + 1 == groups,
      groups == 1 || groupBlocks * blockSize >= Self.smallestGroup
    else { throw Unsound() }
    let log = try superblock.big(48, 8)
    let groupBits = try superblock.big(124, 1)
    guard groupBits < 32 else { throw Unsound() }
    try XFSLog(
      source,
      at: try product(sum(product(log >> groupBits, groupBlocks), log & (1 << groupBits - 1)), blockSize),
      length: superblock.big(96, 4) * blockSize, isInside: log > 0
    ).requireUnmounted()
  }

  func each(_ body: (ByteRange) throws(Unsound) -> Void) throws(Unsound) {
    for group in 0..<groups {
      let start = group * groupBlocks
      var next: UInt64 = 0
      func take(until end: UInt64) throws(Unsound) {
        try body(ByteRange(offset: (start + next) * blockSize, length: (end - next) * blockSize))
      }
      let length = min(groupBlocks, blocks - start)
      try eachFree(in: group, of: length) { first, count throws(Unsound) in
        guard first >= next, count > 0, first <= length, count <= length - first else { throw Unsound() }
        try take(until: first)
        next = first + count
      }
      try take(until: length)
    }
  }

  /// Calls `body` with the first block of each free run in a group, and how many they are.
  private func eachFree(
    in group: UInt64, of length: UInt64, _ body: (UInt64, UInt64) throws(Unsound) -> Void
  ) throws(Unsound) {
    let start = group * groupBlocks
    let header = try source.record(at: start * blockSize + sectorSize, 512)
    guard try header.big(0, 4) == 0x5841_4746, try header.big(8, 4) == group, try header.big(12, 4) == length else {
      throw Unsound()
    }
    var block = try header.big(16, 4)
    var level = try header.big(28, 4)
    var free: UInt64 = 0
    // Down to the first leaf, and from leaf to leaf, which ascend.
    while block != 0xFFFF_FFFF {
      guard block < length, (1...9).contains(level) else { throw Unsound() }
      let node = try source.record(at: (start + block) * blockSize, Int(blockSize))
      let magic = try node.big(0, 4)
      let recordsAt = magic == 0x4142_5442 ? 16 : 56
      let count = Int(try node.big(6, 2))
      guard [0x4142_5442, 0x4142_3342].contains(magic), try node.big(4, 2) == level - 1 else { throw Unsound() }
      guard level == 1 else {
        // Behind the keys, for all of which there is room.
        block = try node.big(recordsAt + (Int(blockSize) - recordsAt) / 12 * 8, 4)
        level -= 1
        continue
      }
      for index in 0..<count {
        let (first, count) = (try node.big(recordsAt + 8 * index, 4), try node.big(recordsAt + 8 * index + 4, 4))
        try body(first, count)
        free += count
      }
      block = try node.big(12, 4)
      guard count > 0 || block == 0xFFFF_FFFF else { throw Unsound() }
    }
    guard try free == header.big(52, 4) else { throw Unsound() }
  }
}

/// The log of an XFS: one that was unmounted ends with a record that says so. Otherwise changes in it are not at their place.
private struct XFSLog {
  private let source: FilesystemBytes
  private let start: UInt64
  /// Of blocks of 512 bytes.
  private let count: UInt64

  init(_ source: FilesystemBytes, at start: UInt64, length: UInt64, isInside: Bool) throws(Unsound) {
    // XFS_MAX_LOG_BYTES.
    guard isInside, length > 0, length <= 2 << 30 else { throw Unsound() }
    self.source = source
    self.start = start
    count = length / 512
  }

  private static let blockSize: UInt64 = 512

  func requireUnmounted() throws(Unsound) {
    var (newest, place, isEnd): (UInt64, UInt64, Bool) = (0, 0, false)
    var payload: UInt64 = 0
    var block: UInt64 = 0
    while block < count {
      let blocks = min(2048, count - block)
      let piece = try source.record(at: sum(start, block * Self.blockSize), Int(blocks * Self.blockSize))
      for index in 0..<blocks {
        let offset = Int(index * Self.blockSize)
        guard piece.bytes[offset] == 0xFE, try piece.big(offset, 4) == 0xFEED_BABE else { continue }
        let number = try piece.big(offset + 16, 8)
        // Its number has its place, so that what a file has in it is not taken for one.
        guard number > newest, number & 0xFFFF_FFFF == block + index else { continue }
        (newest, place) = (number, block + index)
        isEnd = try piece.big(offset + 40, 4) == 1
        let size = try piece.big(offset + 8, 4) & 2 != 0 ? piece.big(offset + 320, 4) : 0
        payload = max(1, (size + 32767) / 32768)
      }
      block += blocks
    }
    guard newest > 0, isEnd else { throw Unsound() }
    let operation = try source.record(
      at: sum(start, (place + payload) % count * Self.blockSize), Int(Self.blockSize))
    guard try operation.big(9, 1) & 0x20 != 0 else { throw Unsound() }
  }
}
