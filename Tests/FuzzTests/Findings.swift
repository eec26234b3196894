// SPDX-License-Identifier: Apache-2.0

/// What has hurt once, made anew: the fuzzers begin with these, and go on with them changed.
enum Findings {
  /// Beginnings of a tar, each of which was a fault of its own.
  static var tars: [[UInt8]] {
    func tar(_ add: (inout Tar) -> Void) -> [UInt8] {
      var tar = Tar.small
      add(&tar)
      tar.end()
      return tar.bytes
    }
    let long = [UInt8](repeating: 0x41, count: 256)
    let names: [[UInt8]] = [
      long, Array("etc/".utf8) + long + long, Array(repeating: Array("d/".utf8), count: 50_000).flatMap { $0 } + [0x66],
    ]
    return names.map { name in tar { $0.add(name) } } + [
      tar { $0.add(long, type: "5") },
      tar { $0.add(long, type: "2", link: Array("x".utf8)) },
      tar { $0.add(Array("self".utf8), type: "1", link: Array("self".utf8)) },
      tar { $0.add(Array("link".utf8), type: "2", link: [UInt8](repeating: 0x41, count: 5000)) },
      tar { $0.add(Array("key".utf8), records: [("SCHILY.xattr.user." + String(repeating: "k", count: 300), [1])]) },
      tar { $0.add(Array("none".utf8), records: [("SCHILY.xattr.user.", [1])]) },
      tar { $0.add(Array("data".utf8), records: [("SCHILY.xattr.system.data", [1])]) },
      // Two paths to one name.
      tar {
        $0.add(Array("d/sub/x".utf8))
        $0.add(Array("l".utf8), type: "2", link: Array("d".utf8))
        $0.add(Array("l/sub/x".utf8))
      },
      tar {
        $0.add(Array("etc/passwd".utf8), type: "5")
        $0.add(Array("etc/hosts/x".utf8))
      },
      tar { $0.add(Array("huge".utf8), records: [("size", Array("9223372036854775807".utf8))]) },
    ]
  }

  /// 1 GiB of one cluster: a header, a table of reference counts and a block of it, and two levels of tables.
  static var qcow2: [UInt8] {
    let (cluster, clusters) = (65536, UInt64(16384))
    var image = [UInt8](repeating: 0, count: 5 * cluster) + [UInt8](repeating: 0x53, count: cluster)
    func put(_ value: UInt64, _ offset: Int, _ width: Int) { image.put(value, at: offset, width, bigEndian: true) }
    let header: [(UInt64, Int, Int)] = [
      (0x5146_49FB, 0, 4), (3, 4, 4), (16, 20, 4), (1 << 30, 24, 8), (2, 36, 4), (UInt64(3 * cluster), 40, 8),
      (UInt64(cluster), 48, 8), (1, 56, 4), (6, 96, 4), (104, 100, 4),
    ]
    for (value, offset, width) in header { put(value, offset, width) }
    put(UInt64(2 * cluster), cluster, 8)
    for (index, count) in [1, 1, 1, 1, 2, clusters].enumerated() { put(count, 2 * cluster + 8 * index, 8) }
    for index in 0..<2 { put(UInt64(4 * cluster), 3 * cluster + 8 * index, 8) }
    for index in 0..<cluster / 8 { put(UInt64(5 * cluster), 4 * cluster + 8 * index, 8) }
    return image
  }

  /// An empty frame with a window of 2 GiB (RFC 8878, 3.1.1.1.2).
  static let zstd: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0, 0xA8, 1, 0, 0]

  /// A packed dump whose table of frames says that it has 2^27 entries (the footer of a seekable zstd stream).
  static func seekTable(of dump: [UInt8]) -> [UInt8] {
    var dump = dump
    dump.put(1 << 27, at: dump.count - 9, 4)
    return dump
  }

  /// A stream of dump(8) with its second header, a map, again and again.
  static func maps(of stream: [UInt8], _ records: [Int]) -> [UInt8] {
    let map = records.first { stream.number($0, 4) == 3 } ?? records[0]
    let end = records.first { $0 > map } ?? map + 1024
    return Array(stream[..<end]) + Array(repeating: stream[map..<end], count: 100).flatMap { $0 } + stream[end...]
  }

  /// What was wrong with a filesystem.
  static let filesystems: [@Sendable (inout ExtImage) -> Void] = [
    // Groups so small that their descriptors are an eighth of the disk.
    { image in
      image.put(256, at: 1024 + 32, 4)
      image.put(256, at: 1024 + 36, 4)
      image.put(8, at: 1024 + 40, 4)
      image.put(1024, at: 1024 + 254, 2)
      image.put(1 << 24, at: 1024 + 4, 4)
    },
    // A link whose size has a high half.
    { image in
      guard let link = image.usedInodes.last(where: { image.mode($0) & 0xF000 == 0xA000 }) else { return }
      image.put(1, at: image.inode(link) + 108, 4)
      image.mendInode(link)
    },
    // A table of inodes at 2^48.
    { image in
      guard image.descriptorSize >= 64 else { return }
      image.put(1 << 16, at: image.descriptor(0) + 40, 4)
      image.mendDescriptor(0)
    },
    // A file of 2^63 bytes.
    { image in
      guard let file = image.usedInodes.last(where: { image.mode($0) & 0xF000 == 0x8000 }) else { return }
      image.put(0x7FFF_FFFF, at: image.inode(file) + 108, 4)
      image.mendInode(file)
    },
    // A directory that maps one block 16 million times, by three levels of blocks that lead to each other.
    { image in
      let folder = image.usedInodes.last { image.mode($0) & 0xF000 == 0x4000 } ?? 2
      let end = image.bytes.count / image.blockSize
      let data = UInt64(image.blocks(folder).first ?? 1)
      let tables = [end - 10, end - 11, end - 12]
      for (table, target) in zip(tables, [UInt64(tables[1]), UInt64(tables[2]), data]) {
        for index in 0..<image.blockSize / 4 { image.put(target, at: table * image.blockSize + 4 * index, 4) }
      }
      let inode = image.inode(folder)
      image.put(UInt64(image.number(inode + 32, 4) & ~0x81000), at: inode + 32, 4)
      for index in 0..<12 { image.put(data, at: inode + 40 + 4 * index, 4) }
      for (index, table) in tables.reversed().enumerated() { image.put(UInt64(table), at: inode + 88 + 4 * index, 4) }
      image.put(0xFFFF_FC00, at: inode + 4, 4)
      image.mendInode(folder)
    },
    // A bitmap outside of the filesystem.
    { image in
      image.put(0x7FFF_FFFF, at: image.descriptor(0), 4)
      image.mendDescriptor(0)
    },
  ]
}
