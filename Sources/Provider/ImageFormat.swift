// SPDX-License-Identifier: Apache-2.0
internal import Report
internal import Sources

/// How an image is in a file: as the administrator says or the name of the file, never by its bytes, of which a stranger decides.
/// They can only have it refused (`OtherForm`).
struct ImageFormat: Equatable {
  enum Kind: String {
    case raw, qcow2, vmdk, vhdx
    /// A root filesystem.
    case tar
    /// A layout of the OCI: a folder, or a tar of one.
    case oci
    case ociArchive = "oci.tar"
    /// What `guestsmith image export` writes.
    case exported = "gsi"
  }

  let kind: Kind
  let packing: Packing?

  private static let packings: [(ending: Substring, packing: Packing)] = [
    ("gz", .gzip), ("xz", .xz), ("zst", .zstd), ("bz2", .bzip2),
  ]

  /// Endings of names that stand for two.
  private static let short: [Substring: [Substring]] = [
    "tgz": ["tar", "gz"], "txz": ["tar", "xz"], "tzst": ["tar", "zst"], "tbz2": ["tar", "bz2"], "tbz": ["tar", "bz2"],
  ]

  /// By the words of the configuration, such as `qcow2.xz`, or by the name of a file.
  ///
  /// - Throws: `.invalid` where the name does not tell.
  init(_ words: String?, nameOfFile name: String) throws(Failure) {
    var parts = (words ?? name).split(separator: ".", omittingEmptySubsequences: false)
    if words == nil, let both = parts.last.flatMap({ Self.short[$0] }) { parts = parts.dropLast() + both }
    let packed = Self.packings.first { $0.ending == parts.last }
    if packed != nil { parts.removeLast() }
    if parts.suffix(2) == ["oci", "tar"] { parts = parts.dropLast(2) + ["oci.tar"] }
    let isTold = words != nil || parts.count > 1
    guard isTold, let kind = parts.last.flatMap({ Kind(rawValue: String($0)) }),
      packed == nil || (kind != .oci && kind != .exported)
    else {
      throw Failure(
        .invalid, "the name of the image, \(Words.printable(name).quoted), does not tell how the image is in it",
        remedy:
          "set format to raw, qcow2, vmdk, vhdx, tar, oci, oci.tar or gsi, or to qcow2.xz and the like where it is packed"
      )
    }
    self.kind = kind
    packing = packed?.packing
  }

  /// It is a root filesystem, and no disk.
  var isTree: Bool { kind == .tar || kind == .oci || kind == .ociArchive }

  /// What the configuration calls a packing, such as `xz`; nil for one of which no image is taken.
  static func ending(of packing: Packing) -> String? {
    packings.first { $0.packing == packing }.map { String($0.ending) }
  }

  /// Nil where it is not packed.
  var ending: String? { packing.flatMap(Self.ending(of:)) }

  /// As the configuration has it.
  var words: String { kind.rawValue + (ending.map { ".\($0)" } ?? "") }
}
