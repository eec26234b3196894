// SPDX-License-Identifier: Apache-2.0
internal import CArchive
internal import Report

// What a tar and a packed stream ask of libarchive.

/// What went wrong, in libarchive's words.
func archiveWords(_ archive: OpaquePointer) -> String {
  archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
}

/// The content of the entry that was read last, block by block; what lies between the blocks is a hole.
///
/// - Parameter check: throws for a result that is a failure.
func eachBlock(
  of archive: OpaquePointer, _ check: (Int32) throws(Failure) -> Void,
  _ body: (UnsafeRawBufferPointer, UInt64) throws(Failure) -> Void
) throws(Failure) {
  while true {
    var block: UnsafeRawPointer?
    var size = 0
    var offset: Int64 = 0
    let result = archive_read_data_block(archive, &block, &size, &offset)
    if result == ARCHIVE_EOF { return }
    try check(result)
    try body(UnsafeRawBufferPointer(start: block, count: size), UInt64(offset))
  }
}
