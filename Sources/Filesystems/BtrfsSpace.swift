// SPDX-License-Identifier: Apache-2.0
internal import Report

/// btrfs (btrfs documentation, On-disk Format): its tree of extents has what is used, at logical addresses, and its tree of
/// chunks where these are on the disk.
struct BtrfsSpace {
  private struct Chunk {
    let logical: ByteRange
    /// Where each copy is.
    var places: [UInt64]
  }

  private let source: FilesystemBytes
  private let nodeSize: Int
  private let bytesUsed: UInt64
  let root: (address: UInt64, level: UInt64)
  private var chunks: [Chunk] = []

  private static let superblock: UInt64 = 64 << 10
  /// The copies of the superblock, which are in no extent, and what is kept free for each.
  private static let copies = [
    ByteRange(offset: 64 << 20, length: 64 << 10), ByteRange(offset: 256 << 30, length: 64 << 10),
  ]
  private static let mostExtents = 1 << 20
  /// How many nodes of a tree are read: a tree with `mostExtents` has fewer, and one that leads to itself never ends.
  private static let mostNodes = 1 << 16

  init(_ source: FilesystemBytes) throws(Unsound) {
    self.source = source
    let superblock = try source.record(at: Self.superblock, 4096)
    let size = try superblock.little(148, 4)
    nodeSize = Int(size)
    bytesUsed = try superblock.little(120, 8)
    root = (try superblock.little(80, 8), try superblock.little(198, 1))
    // "Written" and "relocated" only; features up to RAID1C34, and simple quotas; a log is what was not committed.
    guard try superblock.little(64, 8) == 0x4D5F_5366_5248_425F, (4096...65536).contains(size), size & (size - 1) == 0,
      try superblock.little(56, 8) & ~3 == 0, try superblock.little(188, 8) & ~0x10FFF == 0,
      try superblock.little(96, 8) == 0, try superblock.little(136, 8) == 1,
      try superblock.little(112, 8) <= source.size
    else { throw Unsound() }
    try readSystemChunks(superblock)
    let tree = (try superblock.little(88, 8), try superblock.little(199, 1))
    var found: [Chunk] = []
    try eachItem(of: tree) { key, leaf, at, length throws(Unsound) in
      if key.type == 228 { found.append(try Self.chunk(key.offset, leaf, at, length)) }
    }
    chunks = found
    try checkChunks()
  }

  private mutating func readSystemChunks(_ superblock: DiskRecord) throws(Unsound) {
    var at = 811
    let end = at + Int(try superblock.little(160, 4))
    guard end <= 811 + 2048 else { throw Unsound() }
    while at < end {
      let stripes = Int(try superblock.little(at + 17 + 44, 2))
      let length = 48 + 32 * stripes
      chunks.append(try Self.chunk(superblock.little(at + 9, 8), superblock, at + 17, length))
      at += 17 + length
    }
    try checkChunks()
  }

  private mutating func checkChunks() throws(Unsound) {
    chunks.sort { $0.logical.offset < $1.logical.offset }
    guard zip(chunks, chunks.dropFirst()).allSatisfy({ $0.logical.end <= $1.logical.offset }) else { throw Unsound() }
  }

  private static func chunk(_ address: UInt64, _ item: DiskRecord, _ at: Int, _ length: Int) throws(Unsound) -> Chunk {
    let range = ByteRange(offset: address, length: try item.little(at, 8))
    let stripes = Int(try item.little(at + 44, 2))
    // Behind data, system and metadata there are the kinds of RAID; DUP is on one device.
    guard try item.little(at + 24, 8) & ~0x27 == 0, (1...2).contains(stripes), 48 + 32 * stripes <= length,
      try sum(range.offset, range.length) > 0
    else { throw Unsound() }
    var places: [UInt64] = []
    for stripe in 0..<stripes {
      let place = try item.little(at + 48 + 32 * stripe + 8, 8)
      _ = try sum(place, range.length)
      places.append(place)
    }
    return Chunk(logical: range, places: places)
  }

  /// Where a logical range is on the disk.
  private func places(of range: ByteRange) throws(Unsound) -> [ByteRange] {
    var (low, high) = (0, chunks.count)
    while low < high {
      let middle = (low + high) / 2
      if chunks[middle].logical.end <= range.offset { low = middle + 1 } else { high = middle }
    }
    guard low < chunks.count, chunks[low].logical.offset <= range.offset,
      try sum(range.offset, range.length) <= chunks[low].logical.end
    else { throw Unsound() }
    let inside = range.offset - chunks[low].logical.offset
    return chunks[low].places.map { ByteRange(offset: $0 + inside, length: range.length) }
  }

  /// The used ranges, ascending.
  func used() throws(Unsound) -> [ByteRange] {
    var extents: (address: UInt64, level: UInt64)?
    try eachItem(of: root) { key, leaf, at, length throws(Unsound) in
      // The root item of the tree of extents.
      guard key.object == 2, key.type == 132, length >= 239 else { return }
      extents = (try leaf.little(at + 176, 8), try leaf.little(at + 238, 1))
    }
    guard let extents else { throw Unsound() }
    var ranges = [ByteRange(offset: 0, length: min(1 << 20, source.size))]
    for copy in Self.copies where copy.end <= source.size { ranges.append(copy) }
    var count: UInt64 = 0
    try eachItem(of: extents) { key, _, _, _ throws(Unsound) in
      // An extent with its length, or a node of a tree, with its level.
      guard key.type == 168 || key.type == 169 else { return }
      let length = key.type == 168 ? key.offset : UInt64(nodeSize)
      count = try sum(count, length)
      ranges += try places(of: ByteRange(offset: key.object, length: length))
      guard ranges.count <= Self.mostExtents else { throw Unsound() }
    }
    guard count == bytesUsed else { throw Unsound() }
    return ranges.sorted { $0.offset < $1.offset }
  }

  struct Key {
    let object: UInt64
    let type: UInt64
    let offset: UInt64

    init(_ record: DiskRecord, _ at: Int) throws(Unsound) {
      object = try record.little(at, 8)
      type = try record.little(at + 8, 1)
      offset = try record.little(at + 9, 8)
    }
  }

  /// Calls `body` with each item of a tree: its key, and its leaf and where in that its data begins and how long it is.
  ///
  /// - Parameter object: nil is any.
  func eachItem(
    of tree: (address: UInt64, level: UInt64), object: UInt64? = nil,
    _ body: (Key, DiskRecord, Int, Int) throws(Unsound) -> Void
  ) throws(Unsound) {
    var nodes = Self.mostNodes
    try eachItem(of: tree, object: object, atMost: &nodes, body)
  }

  private func eachItem(
    of tree: (address: UInt64, level: UInt64), object: UInt64?, atMost nodes: inout Int,
    _ body: (Key, DiskRecord, Int, Int) throws(Unsound) -> Void
  ) throws(Unsound) {
    guard tree.level < 8, nodes > 0 else { throw Unsound() }
    nodes -= 1
    let address = try places(of: ByteRange(offset: tree.address, length: UInt64(nodeSize)))[0]
    let node = try source.record(at: address.offset, nodeSize)
    let count = Int(try node.little(96, 4))
    guard try node.little(48, 8) == tree.address, try node.little(100, 1) == tree.level else { throw Unsound() }
    for index in 0..<count {
      guard tree.level == 0 else {
        if let object, try !mayHold(object, index, of: count, node) { continue }
        try eachItem(
          of: (try node.little(101 + 33 * index + 17, 8), tree.level - 1), object: object, atMost: &nodes, body)
        continue
      }
      let at = 101 + 25 * index
      let (offset, length) = (Int(try node.little(at + 17, 4)), Int(try node.little(at + 21, 4)))
      guard 101 + offset + length <= nodeSize else { throw Unsound() }
      let key = try Key(node, at)
      if object == nil || key.object == object { try body(key, node, 101 + offset, length) }
    }
  }

  /// Whether items of an object can be below an entry of a node, which has its first key.
  private func mayHold(_ object: UInt64, _ index: Int, of count: Int, _ node: DiskRecord) throws(Unsound) -> Bool {
    let first = try node.little(101 + 33 * index, 8)
    let next = index + 1 < count ? try node.little(101 + 33 * (index + 1), 8) : .max
    return first <= object && object <= next
  }
}
