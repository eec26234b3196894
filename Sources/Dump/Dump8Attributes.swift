// SPDX-License-Identifier: Apache-2.0
import Report

/// The extended attributes of an inode as ext4 has them on the disk, which is how dump(8) writes them (kernel,
/// Documentation/filesystems/ext4/attributes.rst).
enum Dump8Attributes {
  /// What begins a block of attributes, or those behind an inode, by its lowest bytes.
  private static let blockMagic: UInt32 = 0xEA02_0000
  private static let inodeMagic: UInt32 = 0xEA02_0001

  /// Full names and values as the kernel's system calls have them; nil when the bytes are something else.
  static func parse(_ bytes: [UInt8]) -> [(name: ByteString, value: [UInt8])]? {
    guard let magic = number(bytes, 0), magic == blockMagic || magic == inodeMagic else { return nil }
    // Offsets of values count from the block's beginning, or from the first entry behind an inode.
    var position = magic == blockMagic ? 32 : 4
    let base = magic == blockMagic ? 0 : 4
    var attributes: [(name: ByteString, value: [UInt8])] = []
    // Values that overlap would be more than there are bytes.
    var room = bytes.count
    while let start = number(bytes, position), start != 0 {
      guard let inode = number(bytes, position + 4), let size = number(bytes, position + 8), inode == 0,
        position + 16 <= bytes.count
      else { return nil }
      let nameLength = Int(bytes[position])
      let offset = base + (Int(bytes[position + 2]) | Int(bytes[position + 3]) << 8)
      guard position + 16 + nameLength <= bytes.count, offset + Int(size) <= bytes.count,
        let prefix = prefixes[bytes[position + 1]]
      else { return nil }
      room -= Int(size)
      guard room >= 0 else { return nil }
      let name = prefix + ByteString(bytes[position + 16..<position + 16 + nameLength])
      let value = Array(bytes[offset..<offset + Int(size)])
      guard let known = name.hasPrefix("system.posix_acl") ? accessControlList(value) : value else { return nil }
      attributes.append((name, known))
      position += 16 + (nameLength + 3) / 4 * 4
    }
    return attributes
  }

  private static let prefixes: [UInt8: ByteString] = [
    1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 6: "security.",
    7: "system.",
  ]

  private static func number(_ bytes: [UInt8], _ offset: Int) -> UInt32? {
    guard offset >= 0, offset + 4 <= bytes.count else { return nil }
    return bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// On the disk version 1, and a number only where an entry names a user or a group (tags 2 and 8); in system calls
  /// version 2, and a number always.
  private static func accessControlList(_ value: [UInt8]) -> [UInt8]? {
    guard number(value, 0) == 1 else { return nil }
    var list: [UInt8] = [2, 0, 0, 0]
    var position = 4
    while position < value.count {
      guard position + 4 <= value.count else { return nil }
      let hasNumber = value[position] == 2 || value[position] == 8
      list += value[position..<position + 4]
      position += 4
      guard !hasNumber || position + 4 <= value.count else { return nil }
      list += hasNumber ? Array(value[position..<position + 4]) : [0xFF, 0xFF, 0xFF, 0xFF]
      if hasNumber { position += 4 }
    }
    return list
  }
}
