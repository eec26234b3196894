// SPDX-License-Identifier: Apache-2.0
import Digest
import Report

/// The frames that a zstd decoder passes over (RFC 8878, 3.1.2): a magic number, a length, that many bytes.
enum SkippableFrame {
  static let headerLength = 8
  /// Why the dump was not finished: the last frame of a failed export.
  static let failureMagic: UInt32 = 0x184D_2A5B
  /// XXH64 of every byte before it: of what is stored, not of what it means.
  static let checksumMagic: UInt32 = 0x184D_2A5C
  /// The seek table of zstd's seekable format.
  static let seekTableMagic: UInt32 = 0x184D_2A5E
  static let longestMessage = 4096

  static func header(_ magic: UInt32, length: Int) -> [UInt8] {
    littleEndian(magic) + littleEndian(UInt32(length))
  }

  static func checksum(_ digest: XXH64) -> [UInt8] {
    header(checksumMagic, length: checksumLength - headerLength) + littleEndian(digest.value)
  }

  static let checksumLength = headerLength + 8

  static func failure(_ message: String) -> [UInt8] {
    let text = Array(message.utf8.prefix(longestMessage))
    return header(failureMagic, length: text.count) + text
  }
}

/// The last frame: where every frame before it is (zstd's "seekable format", version 0.1.0, without checksums).
///
/// An entry has the stored and the content length of a frame, four bytes each; the footer has the number of entries,
/// a descriptor byte of 0 and the format's own magic number.
struct SeekTable {
  static let magic: UInt32 = 0x8F92_EAB1
  static let footerLength = 9
  static let entryLength = 8
  /// What zstd's own reader takes.
  static let largestCount = 0x800_0000

  /// Stored lengths of all frames with content, in order. Their content lengths follow from the layout and the extents.
  private(set) var stored: [UInt32] = []

  mutating func append(_ length: Int) {
    stored.append(UInt32(length))
  }

  /// The number of entries: the checksum's frame has one too.
  var count: Int { stored.count + 1 }

  static func length(count: Int) -> Int { SkippableFrame.headerLength + count * entryLength + footerLength }

  /// The whole frame, in pieces of up to 64 KiB.
  func pieces(
    _ layout: Layout, _ extents: ExtentMap, _ body: ([UInt8]) throws(Failure) -> Void
  ) throws(Failure) {
    var data = DataFrames(layout.manifest, extents)
    var piece = SkippableFrame.header(
      SkippableFrame.seekTableMagic, length: Self.length(count: count) - SkippableFrame.headerLength)
    for (index, length) in stored.enumerated() {
      let content = layout.isData(index) ? data.next() ?? 0 : layout.contentLength(ofFrame: index)
      piece += littleEndian(length) + littleEndian(UInt32(content))
      if piece.count >= (64 << 10) - 64 {
        try body(piece)
        piece.removeAll(keepingCapacity: true)
      }
    }
    piece += littleEndian(UInt32(SkippableFrame.checksumLength)) + littleEndian(UInt32(0))
    try body(piece + Self.footer(count: count))
  }

  static func footer(count: Int) -> [UInt8] {
    littleEndian(UInt32(count)) + [0] + littleEndian(magic)
  }
}
