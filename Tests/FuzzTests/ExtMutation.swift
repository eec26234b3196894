// SPDX-License-Identifier: Apache-2.0

/// What is changed of a filesystem: each kind reaches other code.
enum ExtMutation: CaseIterable {
  case superblock, descriptor, inode, directory, extents, indirect, attributes, journal, tree, link, bitmap, cycle,
    finding, any

  func apply(to image: inout ExtImage, _ noise: inout Noise) {
    for _ in 0..<noise.one(of: [1, 1, 1, 2, 3]) { once(&image, &noise) }
    // Now and then a wrong checksum is what is tried.
    if noise.chance(95) { image.mendSuperblock() }
  }

  private func once(_ image: inout ExtImage, _ noise: inout Noise) {
    let used = image.usedInodes
    guard !used.isEmpty else { return }
    let folders = used.filter { image.mode($0) & 0xF000 == 0x4000 }
    let number = noise.one(of: used)
    switch self {
    case .superblock:
      let width = noise.one(of: [1, 2, 4])
      image.put(noise.value(), at: 1024 + noise.number(0...0x280 / width) * width, width)
    case .descriptor:
      let group = noise.number(0...image.groupCount - 1)
      image.put(noise.value(), at: image.descriptor(group) + 2 * noise.number(0...image.descriptorSize / 2 - 1), 2)
      image.mendDescriptor(group)
    case .inode:
      let width = noise.one(of: [2, 4])
      image.put(noise.value(), at: image.inode(number) + noise.number(0...(image.inodeSize - 4) / 4) * 4, width)
      image.mendInode(number)
    case .directory:
      guard let folder = folders.randomElement(using: &noise),
        let block = image.blocks(folder).randomElement(using: &noise)
      else { return }
      let start = block * image.blockSize
      var entries: [Int] = []
      var place = 0
      while place < image.blockSize - 12, image.number(start + place + 4, 2) >= 8 {
        entries.append(start + place)
        place += image.number(start + place + 4, 2)
      }
      guard let entry = entries.randomElement(using: &noise) else { return }
      switch noise.number(0...3) {
      case 0: image.put(noise.chance(50) ? UInt64(noise.one(of: used)) : noise.value(), at: entry, 4)
      case 1: image.put(UInt64(noise.one(of: [0, 1, 4, 8, 9, 11, 12, 13, image.blockSize, 0xFFFC])), at: entry + 4, 2)
      case 2: image.put(UInt64(noise.one(of: [0, 1, 2, 128, 255])), at: entry + 6, 1)
      default:
        image.put(UInt64(noise.one(of: [0, 0x2F, 0x2E, 0x1B, 0xFF, 0x0A])), at: entry + 8 + noise.number(0...2), 1)
      }
      image.mendDirectory(folder, at: start)
    case .extents:
      let map = image.inode(number) + 40
      let leaf = image.number(map + 16, 4) * image.blockSize
      if image.number(map + 6, 2) > 0, leaf + image.blockSize <= image.bytes.count, noise.chance(50) {
        image.put(noise.value(), at: leaf + 2 * noise.number(0...60), 2)
        image.mendExtents(number, at: leaf)
      } else {
        image.put(noise.value(), at: map + 2 * noise.number(0...29), 2)
        image.mendInode(number)
      }
    case .indirect:
      // Blocks of blocks, of which each may be any block, also itself.
      image.put(UInt64(image.number(image.inode(number) + 32, 4) & ~0x80000), at: image.inode(number) + 32, 4)
      let block = noise.number(1...image.bytes.count / image.blockSize - 1)
      image.put(UInt64(block), at: image.inode(number) + 40 + 4 * noise.number(12...14), 4)
      image.put(noise.value(), at: image.inode(number) + 4, 4)
      for index in 0..<image.blockSize / 4 where noise.chance(50) {
        let next = noise.one(of: [block, noise.number(0...image.bytes.count / image.blockSize)])
        image.put(UInt64(next), at: block * image.blockSize + 4 * index, 4)
      }
      image.mendInode(number)
    case .attributes:
      let block = image.number(image.inode(number) + 104, 4)
      let start =
        block > 0 && noise.chance(50)
        ? block * image.blockSize : image.inode(number) + 128 + image.number(image.inode(number) + 128, 2)
      image.put(noise.value(), at: start + 2 * noise.number(0...40), 2)
      image.mendInode(number)
    case .journal:
      guard let first = image.blocks(8).first else { return }
      image.put(noise.value(), at: first * image.blockSize + 4 * noise.number(0...24), 4, bigEndian: true)
      // It needs to be replayed.
      if noise.chance(60) { image.put(UInt64(image.number(1024 + 0x60, 4) | 4), at: 1024 + 0x60, 4) }
      for block in 1..<noise.number(2...20) {
        let start = (first + block) * image.blockSize
        image.put(0xC03B_3998, at: start, 4, bigEndian: true)
        image.put(UInt64(noise.number(1...5)), at: start + 4, 4, bigEndian: true)
        for place in stride(from: 8, to: 256, by: 4) where noise.chance(30) {
          image.put(noise.value(), at: start + place, 4, bigEndian: true)
        }
      }
    case .tree:
      guard let folder = folders.first(where: { image.number(image.inode($0) + 32, 4) & 0x1000 != 0 }),
        let block = image.blocks(folder).first
      else { return }
      image.put(noise.value(), at: block * image.blockSize + noise.number(0x18...0x60), 1)
    case .link:
      image.put(0xA1FF, at: image.inode(number), 2)
      image.put(
        noise.one(of: [0, 59, 60, 61, 1000, 1024, 1025, 4096, 0xFFFF, 0xFFFF_FFFF]), at: image.inode(number) + 4, 4)
      image.put(noise.one(of: [0, 0, 1, 0x7FFF_FFFF]), at: image.inode(number) + 108, 4)
      image.mendInode(number)
    case .bitmap:
      let group = image.descriptor(noise.number(0...image.groupCount - 1))
      let block = image.number(group + noise.one(of: [0, 4]), 4)
      for _ in 0..<noise.number(1...200) {
        image.put(
          noise.one(of: [0, 0xFF, noise.next()]), at: block * image.blockSize + noise.number(0...image.blockSize - 1), 1
        )
      }
    case .cycle:
      guard let folder = folders.randomElement(using: &noise), let block = image.blocks(folder).first else { return }
      image.put(UInt64(noise.one(of: folders)), at: block * image.blockSize + 24, 4)
      image.mendDirectory(folder, at: block * image.blockSize)
    case .finding: noise.one(of: Findings.filesystems)(&image)
    case .any:
      for _ in 0..<noise.one(of: [1, 4, 16]) {
        let place = noise.one(of: [1024, image.descriptor(0), image.inode(number)]) + noise.number(0...255)
        image.put(noise.one(of: [0, 0xFF, noise.next()]), at: place, 1)
      }
      if noise.chance(50) { image.mendInode(number) }
    }
  }
}
