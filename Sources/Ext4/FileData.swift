// SPDX-License-Identifier: Apache-2.0
internal import CExt2FS
package import Report

/// A file's content without its holes, of which a guest can have more than a disk has room for.
extension Filesystem {
  /// Where a regular file has blocks, in bytes: ascending, and inside of its size.
  ///
  /// - Throws: where it maps more blocks than the filesystem has, some of them often then.
  package borrowing func dataRanges(of number: InodeNumber) throws(Failure) -> [ByteRange] {
    final class Found {
      var ranges: [ByteRange] = []
      var isAscending = true
      var left: UInt64 = 0
    }
    let found = Found()
    found.left = blockCount
    let inode = try examine(number)
    let size = UInt64(inode.i_size) | UInt64(inode.i_size_high) << 32
    let result = ext2fs_block_iterate3(
      fs, number, BLOCK_FLAG_DATA_ONLY | BLOCK_FLAG_READ_ONLY, nil,
      { fs, _, count, _, _, data in
        let found = Unmanaged<Found>.fromOpaque(data!).takeUnretainedValue()
        let length = UInt64(fs!.pointee.blocksize)
        let (offset, end) = (UInt64(max(0, count)) * length, found.ranges.last?.end ?? 0)
        guard offset >= end, found.left > 0 else {
          found.isAscending = false
          return BLOCK_ABORT
        }
        found.left -= 1
        if offset == end, !found.ranges.isEmpty {
          found.ranges[found.ranges.count - 1].length += length
        } else {
          found.ranges.append(ByteRange(offset: offset, length: length))
        }
        return 0
      }, Unmanaged.passUnretained(found).toOpaque())
    // It lies in the inode.
    if result == EXT2_ET_INLINE_DATA_CANT_ITERATE { return [ByteRange(offset: 0, length: size)] }
    try device.check(result, "find the blocks of inode \(number)")
    guard found.isAscending else {
      throw Failure(
        .guest,
        "the filesystem on \(device.name) is damaged: the blocks of inode \(number) are in disorder, or more "
          + "than it has")
    }
    return found.ranges.filter { $0.offset < size }.map {
      ByteRange(offset: $0.offset, length: min($0.length, size - $0.offset))
    }
  }

  /// Calls `body` with what is in these ranges of a file, in pieces of up to 1 MiB, with the offset of each.
  package borrowing func eachPiece(
    of number: InodeNumber, in ranges: [ByteRange], _ body: (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void
  ) throws(Failure) {
    let reader = try contentReader(of: number)
    for range in ranges {
      try reader.move(to: range.offset)
      var offset = range.offset
      while offset < range.end {
        let piece = try reader.next(limit: range.end - offset)
        guard !piece.isEmpty else { return }
        try body(piece, offset)
        offset += UInt64(piece.count)
      }
    }
  }
}
