// SPDX-License-Identifier: Apache-2.0
internal import Report
internal import Sources

/// How a disk is in a file: as the administrator says or the name of the file, never by its bytes, of which a stranger decides.
struct ImageFormat: Equatable {
  enum Kind: String {
    case raw, qcow2, vmdk, vhdx
  }

  let kind: Kind
  let packing: Packing?

  private static let packings: [(ending: Substring, packing: Packing)] = [
    ("gz", .gzip), ("xz", .xz), ("zst", .zstd), ("bz2", .bzip2),
  ]

  /// By the words of the configuration, such as `qcow2.xz`, or by the name of a file.
  ///
  /// - Throws: `.invalid` where the name does not tell.
  init(_ words: String?, nameOfFile name: String) throws(Failure) {
    var parts = (words ?? name).split(separator: ".", omittingEmptySubsequences: false)
    let packed = Self.packings.first { $0.ending == parts.last }
    if packed != nil { parts.removeLast() }
    guard words != nil || parts.count > 1, let kind = parts.last.flatMap({ Kind(rawValue: String($0)) }) else {
      throw Failure(
        .invalid, "the name of the image, \(Words.printable(name).quoted), does not tell how the disk is in it",
        remedy: "set format to raw, qcow2, vmdk or vhdx, or to qcow2.xz and the like where it is packed")
    }
    self.kind = kind
    packing = packed?.packing
  }

  /// As the configuration has it.
  var words: String {
    let ending = Self.packings.first { $0.packing == packing }?.ending
    return kind.rawValue + (ending.map { ".\($0)" } ?? "")
  }
}
