// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

/// An extended attribute by its full name.
package struct ExtendedAttribute: Equatable, Sendable {
  package var name: ByteString
  package var value: [UInt8]

  package init(name: ByteString, value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

/// An attribute as it stands in an inode or in a block (kernel, Documentation/filesystems/ext4/attributes.rst).
struct AttributeEntry {
  let index: UInt8
  let name: ByteString
  let value: ArraySlice<UInt8>
  /// Where the value is the content of another inode; else 0.
  let inode: InodeNumber
  let size: UInt32
  /// The hash that stands with it is that of name and value; one in an inode may be missing.
  let isHashRight: Bool
}

/// Extended attributes, read by us: libext2fs takes it for granted that values do not overlap and that lists are whole, which
/// not even e2fsck looks for.
extension Filesystem {
  /// All attributes of a file together, in bytes; without `ea_inode` there is one block of them.
  private static var mostAttributes: Int { 1 << 20 }
  /// Of one value (XATTR_SIZE_MAX).
  private static var longestValue: Int { 65536 }

  private static let prefixes: [UInt8: ByteString] = [
    1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 6: "security.",
    7: "system.",
  ]

  /// The extended attributes of a file, ACLs and capabilities among them, in the order of their names; the values as
  /// getxattr(2) has them. What is of the filesystem itself (inline data, keys of encryption) is not one.
  package borrowing func extendedAttributes(of number: InodeNumber) throws(Failure) -> [ExtendedAttribute] {
    let (inside, block) = try attributeEntries(of: number)
    var attributes: [ExtendedAttribute] = []
    var total = 0
    for entry in inside + block {
      guard let prefix = Self.prefixes[entry.index], !(entry.index == 7 && entry.name == "data") else { continue }
      let name = prefix + entry.name
      let value = entry.inode == 0 ? Array(entry.value) : try attributeValue(entry, of: number)
      total += value.count
      guard total <= Self.mostAttributes else {
        throw damaged("inode \(number) has more than \(Self.mostAttributes >> 20) MiB of attributes")
      }
      guard entry.index == 2 || entry.index == 3 else {
        attributes.append(ExtendedAttribute(name: name, value: value))
        continue
      }
      guard let list = AccessControlList.ofSystem(fromDisk: value) else {
        throw damaged("inode \(number) has an access control list that is not whole")
      }
      attributes.append(ExtendedAttribute(name: name, value: list))
    }
    return attributes.sorted { $0.name < $1.name }
  }

  /// What stands in the inode, and in its block of attributes.
  borrowing func attributeEntries(
    of number: InodeNumber
  ) throws(Failure) -> (inside: [AttributeEntry], block: [AttributeEntry]) {
    let size = Int(inodeSize)
    var bytes = [UInt8](repeating: 0, count: max(size, MemoryLayout<ext2_inode_large>.size))
    let result = bytes.withUnsafeMutableBytes { buffer in
      ext2fs_read_inode_full(fs, number, buffer.baseAddress?.assumingMemoryBound(to: ext2_inode.self), Int32(size))
    }
    try device.check(result, "read inode \(number)")
    bytes.removeLast(bytes.count - size)
    var inside: [AttributeEntry] = []
    if size > 128 {
      let start = 128 + Int(bytes[128]) + Int(bytes[129]) << 8
      if start % 4 == 0, start + 4 <= size, Self.isMagic(bytes[start...]) {
        inside = try entries(in: bytes[(start + 4)...], valuesFrom: start + 4, of: number)
      }
    }
    func word(_ offset: Int, _ width: Int) -> UInt64 {
      bytes[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    // i_file_acl_lo and l_i_file_acl_high.
    let place = word(104, 4) | (ext2fs_has_feature_64bit(fs.pointee.super) != 0 ? word(118, 2) << 32 : 0)
    guard place != 0 else { return (inside, []) }
    guard place < blockCount else { throw damaged("inode \(number) has its attributes in block \(place)") }
    var block = [UInt8](repeating: 0, count: Int(blockSize))
    try device.check(ext2fs_read_ext_attr3(fs, place, &block, number), "read the attributes of inode \(number)")
    return (inside, try entries(in: block[32...], valuesFrom: 0, of: number))
  }

  private static func isMagic(_ bytes: ArraySlice<UInt8>) -> Bool { bytes.starts(with: [0, 0, 2, 0xEA]) }

  /// - Parameters:
  ///   - part: from the first entry to the end of what holds them and their values.
  ///   - start: where the offsets of values count from.
  private borrowing func entries(
    in part: ArraySlice<UInt8>, valuesFrom start: Int, of number: InodeNumber
  ) throws(Failure) -> [AttributeEntry] {
    func word(_ offset: Int, _ width: Int) -> Int {
      part[offset..<offset + width].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    var entries: [AttributeEntry] = []
    var position = part.startIndex
    var total = 0
    // Four zeros end the list.
    while position + 4 <= part.endIndex, word(position, 4) != 0 {
      let length = Int(part[position])
      let nameEnd = position + 16 + length
      guard nameEnd <= part.endIndex else { throw damaged("inode \(number) has an attribute that does not end") }
      let (offset, inode, size) = (word(position + 2, 2), word(position + 4, 4), word(position + 8, 4))
      let valueStart = start + offset
      guard size <= Self.longestValue,
        inode != 0 || size == 0 || (valueStart >= part.startIndex && valueStart + size <= part.endIndex)
      else { throw damaged("inode \(number) has an attribute whose value lies outside") }
      total += inode == 0 ? size : 0
      guard total <= part.count else { throw damaged("inode \(number) has attributes whose values overlap") }
      entries.append(
        AttributeEntry(
          index: part[position + 1], name: ByteString(part[(position + 16)..<nameEnd]),
          value: inode == 0 && size > 0 ? part[valueStart..<valueStart + size] : [], inode: InodeNumber(inode),
          size: UInt32(size),
          isHashRight: inode != 0 || (start > 0 && word(position + 12, 4) == 0)
            || Self.hash(part[(position + 16)..<nameEnd], size == 0 ? [] : part[valueStart...], size)
              == UInt32(word(position + 12, 4))
        ))
      position = nameEnd + (4 - length % 4) % 4
    }
    return entries
  }

  /// The hash of an attribute, whose value is taken by whole words.
  private static func hash(_ name: ArraySlice<UInt8>, _ rest: ArraySlice<UInt8>, _ size: Int) -> UInt32 {
    var hash = name.reduce(UInt32(0)) { ($0 << 5) ^ ($0 >> 27) ^ UInt32($1) }
    let value = rest.prefix((size + 3) / 4 * 4)
    for start in stride(from: value.startIndex, to: value.endIndex, by: 4) {
      let word = value[start...].prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      hash = (hash << 16) ^ (hash >> 16) ^ word
    }
    return hash
  }

  /// A value that is the content of an inode of its own (`ea_inode`).
  private borrowing func attributeValue(_ entry: AttributeEntry, of number: InodeNumber) throws(Failure) -> [UInt8] {
    guard ext2fs_has_feature_ea_inode(fs.pointee.super) != 0,
      try known(entry.inode, "an attribute of inode \(number)") == entry.inode
    else { throw damaged("inode \(number) has an attribute in another inode") }
    let inode = try inode(entry.inode)
    guard Int64(inode.i_flags) & Int64(EXT4_EA_INODE_FL) != 0, Int64(inode.i_flags) & Int64(EXT4_INLINE_DATA_FL) == 0,
      FileKind(mode: inode.i_mode) == .file, inode.i_size == entry.size, inode.i_size_high == 0
    else { throw damaged("inode \(entry.inode) is not that of an attribute of inode \(number)") }
    var file: ext2_file_t?
    try device.check(ext2fs_file_open(fs, entry.inode, 0, &file), "open inode \(entry.inode)")
    defer { ext2fs_file_close(file) }
    var value = [UInt8](repeating: 0, count: Int(entry.size))
    var count: UInt32 = 0
    try device.check(ext2fs_file_read(file, &value, entry.size, &count), "read inode \(entry.inode)")
    guard count == entry.size else { throw damaged("inode \(entry.inode) is shorter than the attribute in it") }
    return value
  }

  /// Extended attributes by their full names, such as `security.capability` or `system.posix_acl_access` (whose value is in the
  /// form of the kernel's system calls), of a file that has none yet.
  ///
  /// - Throws: `.guest` for a name or a value that ext4 can't keep.
  package borrowing func setAttributes(
    _ number: InodeNumber, _ attributes: [ExtendedAttribute]
  ) throws(Failure) {
    guard !attributes.isEmpty else { return }
    for attribute in attributes { try Self.examine(attribute.name, attribute.value) }
    try willChange(number)
    var handle: OpaquePointer?
    try device.check(ext2fs_xattrs_open(fs, number, &handle), "open the attributes of inode \(number)")
    defer { ext2fs_xattrs_close(&handle) }
    // What is there already would be lost otherwise.
    try device.check(ext2fs_xattrs_read(handle), "read the attributes of inode \(number)")
    for attribute in attributes {
      try device.check(
        ext2fs_xattr_set(handle, attribute.name.cString, attribute.value, attribute.value.count),
        "set the attribute \(attribute.name)")
    }
  }

  /// Whether a file can have these extended attributes, in its inode and the one block that it can have besides.
  package borrowing func holds(_ attributes: [ExtendedAttribute]) -> Bool {
    // A header, and a word of zeros behind the last entry; names and values are padded to words.
    func padded(_ count: Int) -> Int { (count + 3) / 4 * 4 }
    let bytes = attributes.reduce(32 + 4) { $0 + 16 + padded($1.name.bytes.count) + padded($1.value.count) }
    return bytes <= Int(blockSize) && attributes.allSatisfy { (try? Self.examine($0.name, $0.value)) != nil }
  }

  /// libext2fs keeps the lowest byte of a name's length, and stores what it does not know under a name of its own.
  private static func examine(_ name: ByteString, _ value: [UInt8]) throws(Failure) {
    let isList = name == "system.posix_acl_access" || name == "system.posix_acl_default"
    let isPlain = (["user.", "trusted.", "security."] as [ByteString]).contains {
      name.hasPrefix($0) && name.bytes.count > $0.bytes.count
    }
    guard isList || isPlain, name.bytes.count <= longestName, !name.contains("\0") else {
      throw Failure(
        .guest,
        "\(Words.printable(name)) is not the name of an attribute that a file can have: up to \(longestName) bytes that "
          + "begin with user., trusted. or security.")
    }
    guard value.count <= longestValue else {
      throw Failure(.guest, "the attribute \(name) has \(value.count) bytes; a file's have at most \(longestValue)")
    }
    guard !isList || AccessControlList.isOfSystem(value) else {
      throw Failure(.guest, "the attribute \(name) is not an access control list")
    }
  }
}

/// The two forms of a POSIX access control list: on the disk version 1, and a number only where an entry names a user or a
/// group (tags 2 and 8); in system calls version 2, and a number always (include/uapi/linux/posix_acl_xattr.h).
package enum AccessControlList {
  private static let tags: Set<UInt8> = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20]

  /// Nil where the list is not whole.
  package static func ofSystem(fromDisk value: [UInt8]) -> [UInt8]? {
    guard value.starts(with: [1, 0, 0, 0]) else { return nil }
    var list: [UInt8] = [2, 0, 0, 0]
    var rest = value.dropFirst(4)
    while let tag = rest.first {
      let length = tag == 2 || tag == 8 ? 8 : 4
      guard tags.contains(tag), rest.count >= length, rest[rest.startIndex + 1] == 0 else { return nil }
      list += rest.prefix(length)
      if length == 4 { list += [0xFF, 0xFF, 0xFF, 0xFF] }
      rest = rest.dropFirst(length)
    }
    return list
  }

  static func isOfSystem(_ value: [UInt8]) -> Bool {
    value.starts(with: [2, 0, 0, 0]) && (value.count - 4) % 8 == 0
      && stride(from: 4, to: value.count, by: 8).allSatisfy { tags.contains(value[$0]) && value[$0 + 1] == 0 }
  }
}
