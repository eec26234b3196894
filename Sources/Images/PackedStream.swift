// SPDX-License-Identifier: Apache-2.0
internal import CArchive
package import Report

/// How a stream is packed that this process unpacks by itself, by libarchive.
package enum PackedStream: String, Sendable {
  case gzip, xz, bzip2, zstd

  func support(_ archive: OpaquePointer) -> Int32 {
    switch self {
    case .gzip: archive_read_support_filter_gzip(archive)
    case .xz: archive_read_support_filter_xz(archive)
    case .bzip2: archive_read_support_filter_bzip2(archive)
    case .zstd: archive_read_support_filter_zstd(archive)
    }
  }
}

/// Unpacks a stream of gzip, xz, lzma, bzip2, lz4 or zstd in this process, by libarchive: a worker starts no program.
///
/// - Parameters:
///   - read: puts the next bytes into the buffer; 0 only at the end.
///   - body: gets what is in it, piece by piece.
package func unpack(
  _ name: String, by read: @escaping (UnsafeMutableRawBufferPointer) throws(Failure) -> Int,
  _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
) throws(Failure) {
  guard let archive = archive_read_new() else { throw Failure(.io, "cannot begin to read \(name): no memory") }
  defer { archive_read_free(archive) }
  let stream = TarStream(read)
  func check(_ result: Int32) throws(Failure) {
    guard result < ARCHIVE_OK else { return }
    throw stream.failure ?? Failure(.guest, "cannot unpack \(name): \(archiveWords(archive))")
  }
  for support in [
    archive_read_support_filter_gzip, archive_read_support_filter_xz, archive_read_support_filter_lzma,
    archive_read_support_filter_bzip2, archive_read_support_filter_lz4, archive_read_support_filter_zstd,
    archive_read_support_format_raw,
  ] {
    try check(support(archive))
  }
  try check(stream.open(archive))
  var entry: OpaquePointer?
  try check(archive_read_next_header(archive, &entry))
  try eachBlock(of: archive, check) { block, _ throws(Failure) in try body(block) }
}
