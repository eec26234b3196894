// SPDX-License-Identifier: Apache-2.0

/// The bytes of an ext filesystem that begins its disk, with what is needed to change them and have the checksums right
/// again: a damaged checksum would keep the damage from the code behind it (Documentation/filesystems/ext4).
struct ExtImage {
  private(set) var bytes: [UInt8]
  let blockSize, inodesPerGroup, inodeSize, groupCount, descriptorSize: Int
  private let descriptors: Int
  private let seed: UInt32?

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    blockSize = 1024 << bytes.number(1024 + 24, 4)
    inodesPerGroup = bytes.number(1024 + 40, 4)
    inodeSize = bytes.number(1024 + 88, 2)
    let first = bytes.number(1024 + 20, 4)
    let perGroup = bytes.number(1024 + 32, 4)
    groupCount = (bytes.number(1024 + 4, 4) - first + perGroup - 1) / perGroup
    descriptorSize = bytes.number(1024 + 96, 4) & 0x80 != 0 ? bytes.number(1024 + 254, 2) : 32
    descriptors = (first + 1) * blockSize
    let hasChecksums = bytes.number(1024 + 100, 4) & 0x400 != 0
    let hasSeed = bytes.number(1024 + 96, 4) & 0x2000 != 0
    seed =
      !hasChecksums
      ? nil : hasSeed ? UInt32(bytes.number(1024 + 0x270, 4)) : crc32c(.max, bytes[(1024 + 0x68)..<(1024 + 0x78)])
  }

  func number(_ offset: Int, _ width: Int) -> Int { bytes.number(offset, width) }

  mutating func put(_ value: UInt64, at offset: Int, _ width: Int, bigEndian: Bool = false) {
    bytes.put(value, at: offset, width, bigEndian: bigEndian)
  }

  func descriptor(_ group: Int) -> Int { descriptors + group * descriptorSize }

  /// Where an inode is; numbers begin at 1.
  func inode(_ number: Int) -> Int {
    let (group, index) = (number - 1).quotientAndRemainder(dividingBy: inodesPerGroup)
    return self.number(descriptor(group) + 8, 4) * blockSize + index * inodeSize
  }

  func mode(_ number: Int) -> Int { self.number(inode(number), 2) }

  var usedInodes: [Int] { (1...inodesPerGroup * groupCount).filter { mode($0) != 0 } }

  /// The first blocks of a file's content, by its extents in the inode or in one leaf, or by its direct blocks.
  func blocks(_ number: Int) -> [Int] {
    let map = inode(number) + 40
    guard self.number(inode(number) + 32, 4) & 0x80000 != 0 else {
      return (0..<12).map { self.number(map + 4 * $0, 4) }.filter { $0 != 0 && $0 < bytes.count / blockSize }
    }
    var found: [Int] = []
    func read(_ node: Int) {
      for index in 0..<min(4, self.number(node + 2, 2)) {
        let entry = node + 12 + 12 * index
        if self.number(node + 6, 2) == 0 {
          let start = self.number(entry + 8, 4)
          found += start..<start + min(16, self.number(entry + 4, 2))
        } else if self.number(node + 6, 2) == 1 {
          read(self.number(entry + 4, 4) * blockSize)
        }
      }
    }
    read(map)
    return found.filter { $0 < bytes.count / blockSize }
  }

  // MARK: Checksums

  mutating func mendSuperblock() {
    guard seed != nil else { return }
    put(UInt64(crc32c(.max, bytes[1024..<1024 + 0x3FC])), at: 1024 + 0x3FC, 4)
  }

  mutating func mendDescriptor(_ group: Int) {
    guard let seed else { return }
    let start = descriptor(group)
    put(0, at: start + 30, 2)
    let sum = crc32c(crc32c(seed, littleEndian(group)), bytes[start..<start + descriptorSize])
    put(UInt64(sum & 0xFFFF), at: start + 30, 2)
  }

  mutating func mendInode(_ number: Int) {
    guard seed != nil else { return }
    let start = inode(number)
    guard start > 0, start + inodeSize <= bytes.count else { return }
    let isLong = inodeSize > 128 && self.number(start + 128, 2) >= 4
    put(0, at: start + 124, 2)
    if isLong { put(0, at: start + 130, 2) }
    let sum = crc32c(inodeSeed(number), bytes[start..<start + inodeSize])
    put(UInt64(sum & 0xFFFF), at: start + 124, 2)
    if isLong { put(UInt64(sum >> 16), at: start + 130, 2) }
  }

  /// Of a block with a part of a directory.
  mutating func mendDirectory(_ number: Int, at block: Int) {
    guard seed != nil else { return }
    let tail = block + blockSize - 12
    put(UInt64(crc32c(inodeSeed(number), bytes[block..<tail])), at: tail + 8, 4)
  }

  /// Of a block with a part of an extent tree.
  mutating func mendExtents(_ number: Int, at block: Int) {
    guard seed != nil else { return }
    let tail = block + 12 + 12 * self.number(block + 4, 2)
    guard tail + 4 <= bytes.count else { return }
    put(UInt64(crc32c(inodeSeed(number), bytes[block..<tail])), at: tail, 4)
  }

  private func inodeSeed(_ number: Int) -> UInt32 {
    let generation = inode(number) + 100
    return crc32c(crc32c(seed ?? 0, littleEndian(number)), bytes[generation..<generation + 4])
  }
}

private func littleEndian(_ number: Int) -> ArraySlice<UInt8> {
  var bytes = [UInt8](repeating: 0, count: 4)
  bytes.put(UInt64(number), at: 0, 4)
  return bytes[...]
}

/// CRC-32C as the kernel goes on with it, without an inversion.
private func crc32c(_ start: UInt32, _ bytes: ArraySlice<UInt8>) -> UInt32 {
  bytes.reduce(start) { sum, byte in
    (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum & 1 != 0 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
  }
}
