// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
internal import Report

extension Filesystem {
  /// Adds a name behind the last one of a directory without an index; false where its last block has no room.
  ///
  /// libext2fs looks for room from the beginning of a directory, so that a million names would take a day.
  borrowing func append(
    _ name: ByteString, _ number: InodeNumber, _ type: Int32, to parent: InodeNumber
  ) throws(Failure) -> Bool {
    var inode = try inode(parent)
    let blocks = UInt64(inode.i_size) / blockSize
    guard UInt64(inode.i_size) < Self.largestDirectory else {
      throw Failure(.guest, "\(name) is in a folder of more than \(Words.bytes(Self.largestDirectory)) of names")
    }
    var place: blk64_t = 0
    try device.check(ext2fs_bmap2(fs, parent, &inode, nil, 0, max(1, blocks) - 1, nil, &place), "name \(name)")
    var block = [UInt8](repeating: 0, count: Int(blockSize))
    try device.check(ext2fs_read_dir_block4(fs, place, &block, 0, parent), "name \(name)")
    let end = block.count - (ext2fs_has_feature_metadata_csum(fs.pointee.super) != 0 ? 12 : 0)
    func word(_ offset: Int) -> Int { Int(block[offset]) | Int(block[offset + 1]) << 8 }
    func isFree(_ offset: Int) -> Bool { word(offset) == 0 && word(offset + 2) == 0 }
    func put(_ value: Int, _ offset: Int, _ width: Int) {
      for index in 0..<width { block[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
    }
    // Records have whole words; the last one reaches to the end.
    var last = 0
    while last + word(last + 4) < end {
      guard word(last + 4) >= 8 else { throw damaged("directory \(parent) has a record without a length") }
      last += word(last + 4)
    }
    let used = isFree(last) ? 0 : (8 + Int(block[last + 6]) + 3) / 4 * 4
    let begin = last + used
    guard end - begin >= (8 + name.bytes.count + 3) / 4 * 4 else { return false }
    if used > 0 { put(used, last + 4, 2) }
    put(Int(number), begin, 4)
    put(end - begin, begin + 4, 2)
    put(name.bytes.count, begin + 6, 1)
    put(ext2fs_has_feature_filetype(fs.pointee.super) != 0 ? Int(type) : 0, begin + 7, 1)
    block.replaceSubrange(begin + 8..<begin + 8 + name.bytes.count, with: name.bytes)
    try device.check(ext2fs_write_dir_block4(fs, place, &block, 0, parent), "name \(name)")
    return true
  }
}
