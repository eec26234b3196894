// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

extension Filesystem {
  /// Gives back what the attributes of a file take that is being removed: in the inode, in a block that several files may
  /// share, and in inodes of their own.
  borrowing func removeAttributes(of number: InodeNumber) throws(Failure) {
    // Values in inodes of their own count their users: a block that others share is one of these, not this file.
    if ext2fs_has_feature_ea_inode(fs.pointee.super) != 0 {
      if try sharesAttributes(number) { try freeAttributeBlock(of: number) }
      try removeEachAttribute(of: number)
    }
    try freeAttributeBlock(of: number)
  }

  private borrowing func freeAttributeBlock(of number: InodeNumber) throws(Failure) {
    try device.check(ext2fs_free_ext_attr(fs, number, nil), "free the attributes of inode \(number)")
  }

  /// Whether the block with attributes of a file is that of other files too.
  private borrowing func sharesAttributes(_ number: InodeNumber) throws(Failure) -> Bool {
    var inode = try inode(number)
    let place = ext2fs_file_acl_block(fs, &inode)
    guard place != 0 else { return false }
    var block = [UInt8](repeating: 0, count: Int(blockSize))
    try device.check(ext2fs_read_ext_attr3(fs, place, &block, number), "read the attributes of inode \(number)")
    // h_refcount (kernel, Documentation/filesystems/ext4/attributes.rst), in the byte order of this machine by now.
    return block.withUnsafeBytes { $0.load(fromByteOffset: 4, as: UInt32.self) } > 1
  }

  private borrowing func removeEachAttribute(of number: InodeNumber) throws(Failure) {
    // libext2fs believes what it reads.
    let (inside, block) = try attributeEntries(of: number)
    for entry in inside + block where entry.inode != 0 { try willChange(try known(entry.inode, "an attribute")) }
    var handle: OpaquePointer?
    let result = ext2fs_xattrs_open(fs, number, &handle)
    if result == EXT2_ET_MISSING_EA_FEATURE { return }
    try device.check(result, "open the attributes of inode \(number)")
    defer { ext2fs_xattrs_close(&handle) }
    try device.check(ext2fs_xattrs_read(handle), "read the attributes of inode \(number)")
    final class Found { var names: [ByteString] = [] }
    let found = Found()
    let iterated = ext2fs_xattrs_iterate(
      handle,
      { name, _, _, data in
        Unmanaged<Found>.fromOpaque(data!).takeUnretainedValue().names.append(ByteString(cString: name!))
        return 0
      }, Unmanaged.passUnretained(found).toOpaque())
    try device.check(iterated, "read the attributes of inode \(number)")
    for name in found.names {
      try device.check(
        ext2fs_xattr_remove(handle, name.cString), "remove the attribute \(name) of inode \(number)")
    }
  }
}
