// SPDX-License-Identifier: Apache-2.0

extension BtrfsSpace {
  private static let firstFolder: UInt64 = 256
  private static let mostSubvolumes = 256

  /// Whether there is a file by these names, one in the other, in any subvolume: which of them is the root of the guest its
  /// boot loader knows.
  func has(_ names: [String]) throws(Unsound) -> Bool {
    var trees: [(address: UInt64, level: UInt64)] = []
    try eachItem(of: root) { key, leaf, at, length throws(Unsound) in
      // The first one, and those that were made since.
      guard key.type == 132, key.object == 5 || key.object >= 256, key.object < 1 << 63, length >= 239 else { return }
      trees.append((try leaf.little(at + 176, 8), try leaf.little(at + 238, 1)))
    }
    guard trees.count <= Self.mostSubvolumes else { throw Unsound() }
    for tree in trees where try has(names, in: tree) { return true }
    return false
  }

  private func has(_ names: [String], in tree: (address: UInt64, level: UInt64)) throws(Unsound) -> Bool {
    var folder = Self.firstFolder
    for name in names {
      let wanted = Array(name.utf8)
      var found: UInt64?
      try eachItem(of: tree, object: folder) { key, leaf, at, length throws(Unsound) in
        // A name in the order in which they were made; it leads to an inode, or to another subvolume.
        guard key.type == 96, length >= 30 + wanted.count, try leaf.little(at + 27, 2) == UInt64(wanted.count),
          Array(leaf.bytes[at + 30..<at + 30 + wanted.count]) == wanted, try leaf.little(at + 8, 1) == 1
        else { return }
        found = try leaf.little(at, 8)
      }
      guard let next = found else { return false }
      folder = next
    }
    return true
  }
}
