// SPDX-License-Identifier: Apache-2.0
internal import Dump

/// What a stream is, by its first bytes.
package enum StreamKind: Equatable, Sendable {
  /// A dump of this program, compressed or plain. A damaged one may look like anything else, but never like a disk.
  case dump
  case gzip
  case xz
  case bzip2
  case lz4
  /// A zstd stream that other hands made, whatever is in it.
  case zstd
  /// The output of dump(8), for restore(8).
  case dump8
  case tar
  case qcow2
  /// A raw ext2, ext3 or ext4 filesystem, which no partition table divides.
  case ext
  /// Another raw disk: a partition table, XFS, btrfs, LVM, swap, or zeros as far as can be seen.
  case disk
  case empty
  case unknown

  /// How many bytes are enough to tell; fewer will do when the stream has no more.
  package static let prefixLength = 68 << 10

  package init(prefix: [UInt8]) {
    self = Self.signed(prefix) ?? Self.structured(prefix)
  }

  private static func has(_ bytes: [UInt8], _ signature: [UInt8], at offset: Int = 0) -> Bool {
    bytes.dropFirst(offset).starts(with: signature)
  }

  private static func has(_ bytes: [UInt8], _ signature: String, at offset: Int = 0) -> Bool {
    has(bytes, Array(signature.utf8), at: offset)
  }

  /// Those that start with a signature.
  private static func signed(_ bytes: [UInt8]) -> StreamKind? {
    if bytes.isEmpty { return .empty }
    if Manifest.begins(bytes) { return .dump }
    if has(bytes, [0x28, 0xB5, 0x2F, 0xFD]) { return .zstd }
    if bytes.count >= 4, bytes[0] & 0xF0 == 0x50, has(bytes, [0x2A, 0x4D, 0x18], at: 1) { return .zstd }
    if has(bytes, [0x1F, 0x8B, 8]) { return .gzip }
    if has(bytes, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]) { return .xz }
    if has(bytes, [4, 0x22, 0x4D, 0x18]) || has(bytes, [2, 0x21, 0x4C, 0x18]) { return .lz4 }
    if has(bytes, "BZh"),
      has(bytes, [0x31, 0x41, 0x59, 0x26, 0x53, 0x59], at: 4)
        || has(bytes, [0x17, 0x72, 0x45, 0x38, 0x50, 0x90], at: 4)
    {
      return .bzip2
    }
    return has(bytes, [0x51, 0x46, 0x49, 0xFB]) ? .qcow2 : nil
  }

  /// Those that are known by something further in.
  private static func structured(_ bytes: [UInt8]) -> StreamKind {
    if TarHeader.begins(bytes) { return .tar }
    if isDump8(bytes) { return .dump8 }
    // Partitioning leaves the superblock of what the disk was before.
    if has(bytes, [0x53, 0xEF], at: 1024 + 56), !hasPartitions(bytes) { return .ext }
    let isDisk =
      has(bytes, [0x55, 0xAA], at: 510) || has(bytes, "EFI PART", at: 512) || has(bytes, "EFI PART", at: 4096)
      || has(bytes, "XFSB") || has(bytes, "_BHRfS_M", at: (64 << 10) + 64) || has(bytes, "LABELONE", at: 512)
      || has(bytes, "SWAPSPACE2", at: 4096 - 10) || (bytes.count >= 512 && bytes.allSatisfy { $0 == 0 })
    return isDisk ? .disk : .unknown
  }

  /// Whether the first sector has entries of partitions, and not only the mark that a boot loader has too.
  package static func hasPartitions(_ bytes: [UInt8]) -> Bool {
    guard has(bytes, [0x55, 0xAA], at: 510) else { return false }
    let entries = (0..<4).map { bytes[446 + 16 * $0..<462 + 16 * $0] }
    // Flags, type, start and length.
    return entries.allSatisfy { [0, 0x80].contains($0[$0.startIndex]) }
      && entries.contains { entry in
        entry[entry.startIndex + 4] != 0 && entry.dropFirst(8).prefix(4).contains { $0 != 0 }
          && entry.dropFirst(12).contains { $0 != 0 }
      }
  }

  /// `c_magic` and `c_checksum` of a header in <protocols/dumprestore.h>, in either byte order.
  private static func isDump8(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 1024 else { return false }
    let words = (0..<256).map { word in bytes[word * 4..<word * 4 + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) } }
    return [words, words.map(\.byteSwapped)].contains { words in
      [60012, 0x1954_0119].contains(words[6]) && words.reduce(0, &+) == 84446
    }
  }
}
