// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The directories of an XFS (XFS Algorithms & Data Structures, 3rd edition), as far as a name is looked for in them.
struct XFSFiles {
  private let source: FilesystemBytes
  private let blockSize: UInt64
  private let groupBlocks: UInt64
  private let inodeSize: UInt64
  /// In bits: of an inode's place in a block, and of a block's in its group.
  private let inodeBits: UInt64
  private let groupBits: UInt64
  private let folderBits: UInt64
  /// Whether a name has the kind of its file behind it.
  private let hasKinds: Bool
  private let root: UInt64

  private static let mostOfFolder: UInt64 = 4 << 20

  init(_ source: FilesystemBytes) throws(Unsound) {
    // It knows the features, and that nothing is in the log.
    _ = try XFSSpace(source)
    self.source = source
    let superblock = try source.record(at: 0, 512)
    blockSize = try superblock.big(4, 4)
    root = try superblock.big(56, 8)
    groupBlocks = try superblock.big(84, 4)
    inodeSize = try superblock.big(104, 2)
    inodeBits = try superblock.big(123, 1)
    groupBits = try superblock.big(124, 1)
    folderBits = try superblock.big(192, 1)
    let isVersion5 = try superblock.big(100, 2) & 0xF == 5
    hasKinds = try isVersion5 ? superblock.big(216, 4) & 1 != 0 : superblock.big(200, 4) & 0x200 != 0
    guard (256...2048).contains(inodeSize), inodeBits < 16, groupBits < 32, blockSize << folderBits <= 65536,
      folderBits < 8
    else { throw Unsound() }
  }

  /// Whether there is a file by these names, one in the other.
  func has(_ names: [String]) throws(Unsound) -> Bool {
    var number = root
    for name in names {
      guard let next = try find(Array(name.utf8), in: inode(number)) else { return false }
      number = next
    }
    return true
  }

  private func block(_ number: UInt64) throws(Unsound) -> UInt64 {
    try product(sum(product(number >> groupBits, groupBlocks), number & (1 << groupBits - 1)), blockSize)
  }

  private func inode(_ number: UInt64) throws(Unsound) -> DiskRecord {
    let place = try sum(block(number >> inodeBits), (number & (1 << inodeBits - 1)) * inodeSize)
    let inode = try source.record(at: place, Int(inodeSize))
    guard try inode.big(0, 2) == 0x494E else { throw Unsound() }
    return inode
  }

  private func find(_ name: [UInt8], in inode: DiskRecord) throws(Unsound) -> UInt64? {
    let isNew = try inode.big(4, 1) >= 3
    let start = isNew ? 176 : 100
    guard try inode.big(2, 2) & 0xF000 == 0x4000 else { return nil }
    let format = try inode.big(5, 1)
    switch format {
    case 1: return try find(name, inShort: inode, at: start)
    case 2:
      let flags = isNew ? try inode.big(120, 8) : 0
      let isLarge = flags & 0x10 != 0
      let count = try isLarge ? inode.big(24, 8) : inode.big(76, 4)
      guard count <= inodeSize / 16 else { throw Unsound() }
      var left = Self.mostOfFolder
      for index in 0..<Int(count) {
        let (high, low) = (try inode.big(start + 16 * index, 8), try inode.big(start + 16 * index + 8, 8))
        let (offset, length) = ((high << 1) >> 10, low & 0x1F_FFFF)
        // From 32 GiB on there are the indices.
        guard try product(offset, blockSize) < 32 << 30 else { break }
        let place = try block((high & 0x1FF) << 43 | low >> 21)
        let size = try product(length, blockSize)
        guard size <= left else { throw Unsound() }
        left -= size
        for start in stride(from: 0, to: size, by: Int(blockSize << folderBits)) {
          let block = try source.record(at: sum(place, start), Int(blockSize << folderBits))
          if let number = try find(name, inBlock: block) { return number }
        }
      }
      return nil
    // A directory of more pieces than are told of in an inode.
    default: throw Unsound()
    }
  }

  /// A directory of few names is in its inode.
  private func find(_ name: [UInt8], inShort inode: DiskRecord, at start: Int) throws(Unsound) -> UInt64? {
    let width = try inode.big(start + 1, 1) > 0 ? 8 : 4
    var at = start + 2 + width
    let count = try inode.big(start, 1)
    for _ in 0..<count {
      let length = Int(try inode.big(at, 1))
      let behind = at + 3 + length + (hasKinds ? 1 : 0)
      guard behind + width <= Int(inodeSize) else { throw Unsound() }
      if Array(inode.bytes[at + 3..<at + 3 + length]) == name { return try inode.big(behind, width) }
      at = behind + width
    }
    return nil
  }

  private func find(_ name: [UInt8], inBlock block: DiskRecord) throws(Unsound) -> UInt64? {
    let magic = try block.big(0, 4)
    var at = [0x5844_4233, 0x5844_4433].contains(magic) ? 64 : 16
    var end = block.bytes.count
    switch magic {
    // The only block of its directory has an index behind the names.
    case 0x5844_4233, 0x5844_3242: end -= 8 + 8 * Int(try block.big(end - 8, 4))
    case 0x5844_4433, 0x5844_3244: break
    default: throw Unsound()
    }
    while at + 16 <= end {
      if try block.big(at, 2) == 0xFFFF {
        let length = Int(try block.big(at + 2, 2))
        guard length >= 8 else { throw Unsound() }
        at += length
        continue
      }
      let length = Int(try block.big(at + 8, 1))
      guard length > 0, at + 9 + length <= end else { throw Unsound() }
      if Array(block.bytes[at + 9..<at + 9 + length]) == name { return try block.big(at, 8) }
      at += (9 + length + (hasKinds ? 1 : 0) + 2 + 7) / 8 * 8
    }
    return nil
  }
}
