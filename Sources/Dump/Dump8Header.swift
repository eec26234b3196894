// SPDX-License-Identifier: Apache-2.0
import Report

/// A header of a stream that dump(8) wrote: 1024 bytes, all numbers in the byte order of the machine, whose 32-bit
/// words add up to 84446 (`struct s_spcl` in <protocols/dumprestore.h>).
struct Dump8Header {
  enum Kind: UInt32 {
    /// What begins the stream.
    case tape = 1
    /// A file or a folder, or with `isAttributes` the attributes of the one before.
    case inode = 2
    /// The map of the inodes in the stream.
    case map = 3
    /// More of the content of the inode before.
    case more = 4
    case end = 5
    /// The map of the inodes that were free.
    case free = 6
  }

  static let length = 1024
  static let magic: UInt32 = 60012
  static let checksum: UInt32 = 84446

  private let bytes: [UInt8]
  let kind: Kind

  /// Nil where the bytes are not such header.
  init?(_ bytes: [UInt8]) {
    self.bytes = bytes
    guard bytes.count == Self.length else { return nil }
    let words = stride(from: 0, to: Self.length, by: 4).map { Self.word(bytes, $0) }
    guard words[6] == Self.magic, words.reduce(0, &+) == Self.checksum, let kind = Kind(rawValue: words[0]) else {
      return nil
    }
    self.kind = kind
  }

  private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  private func word(_ offset: Int) -> UInt32 { Self.word(bytes, offset) }

  var volume: UInt32 { word(12) }
  /// The number of this record of 1024 bytes in the stream.
  var record: UInt32 { word(16) }
  var inode: UInt32 { word(20) }
  var mode: UInt16 { UInt16(bytes[32]) | UInt16(bytes[33]) << 8 }
  /// Of the content, in bytes.
  var size: UInt64 { UInt64(word(40)) | UInt64(word(44)) << 32 }
  /// Seconds since 1970.
  var modified: Int64 { Int64(Int32(bitPattern: word(56))) }
  var modifiedMicroseconds: UInt32 { word(60) }
  /// The first two block numbers of the inode: of a device they are its number, as the kernel encodes it.
  var blocks: (UInt32, UInt32) { (word(72), word(76)) }
  var uid: UInt32 { word(144) }
  var gid: UInt32 { word(148) }
  /// How many entries of the table of blocks count, or records follow a map.
  var count: UInt32 { word(160) }
  var level: UInt32 { word(692) }
  var filesystem: String { text(696, 64) }
  private var flags: UInt32 { word(888) }
  var isCompressed: Bool { flags & 0x80 != 0 }
  /// Only what the inode says was dumped, not its content.
  var isMetadataOnly: Bool { flags & 0x100 != 0 }
  var isAttributes: Bool { flags & 0x8000 != 0 }
  /// What the attributes are; 3 is those of ext2, 3 and 4.
  var attributesKind: UInt32 { word(900) }

  private func text(_ offset: Int, _ length: Int) -> String {
    String(decoding: bytes[offset..<offset + length].prefix { $0 != 0 }, as: UTF8.self)
  }

  /// The runs of records that the inode's content goes on with: data that follows the header, or a hole; nil when the
  /// table is wrong.
  ///
  /// An entry of the table was one record, 1 of data and 0 of a hole. Since 0.4b49 there are runs too: `0nnnnnnd` is
  /// n + 1 records, `1nnnnnnd NNNNNNNN` is 64 × N + n + 65.
  var runs: [(records: Int, isData: Bool)]? {
    guard count <= 512 else { return nil }
    let table = bytes[164..<164 + Int(count)]
    var runs: [(records: Int, isData: Bool)] = []
    var position = table.startIndex
    while position < table.endIndex {
      let entry = table[position]
      var records = Int(entry >> 1 & 0x3F) + 1
      position += 1
      if entry & 0x80 != 0 {
        guard position < table.endIndex else { return nil }
        records += Int(table[position]) * 64 + 64
        position += 1
      }
      let isData = entry & 1 != 0
      if let last = runs.last, last.isData == isData {
        runs[runs.count - 1].records += records
      } else {
        runs.append((records, isData))
      }
    }
    return runs
  }
}
