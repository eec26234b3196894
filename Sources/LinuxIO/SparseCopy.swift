// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

/// Copies an image file to `target`, which is made: by sharing the blocks where the filesystem can, else without the
/// holes.
///
/// - Returns: a failure leaves what was copied so far; it is on the disk once it is flushed.
package func copySparse(_ source: String, to target: String, progress: StepProgress) throws(Failure) {
  let from = try Descriptor(source, O_RDONLY | O_NOFOLLOW)
  let length = UInt64(try from.status().st_size)
  let to = try Descriptor(target, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
  guard ftruncate(to.raw, off_t(length)) == 0 else { throw .system("size", target) }
  // A length of 0 means up to the end.
  if to.view.clone(from: from.view, at: 0, length: 0) { return try to.close() }
  try copyData(from.view, to.view, length: length, progress)
  try to.close()
}

private func copyData(
  _ from: DescriptorView, _ to: DescriptorView, length: UInt64, _ progress: StepProgress
) throws(Failure) {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
  defer { buffer.deallocate() }
  var offset: UInt64 = 0
  while offset < length {
    guard let data = from.nextData(from: offset) else { return }
    let hole = from.nextHole(from: data) ?? length
    offset = data
    while offset < hole {
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(UInt64(buffer.count), hole - offset))])
      let count = try from.readFull(into: piece, at: offset)
      guard count > 0 else { throw Failure(.io, "\(from.name) became shorter while it was copied") }
      try to.writeThrough(UnsafeRawBufferPointer(rebasing: piece[..<count]), at: offset)
      offset += UInt64(count)
      progress.advance(by: UInt64(count))
    }
  }
}

extension DescriptorView {
  /// The first byte at or after `offset` that may be other than zero; nil where there is none. Devices, and files of
  /// filesystems without holes, are data all through.
  package func nextData(from offset: UInt64) -> UInt64? {
    var data: UInt64 = 0
    switch clinux_seek_data(raw, offset, &data) {
    case 0: return data
    case ENXIO: return nil
    default: return offset
    }
  }

  /// The first hole behind the data at `offset`; nil where it has none, or cannot tell.
  func nextHole(from offset: UInt64) -> UInt64? {
    var hole: UInt64 = 0
    return clinux_seek_hole(raw, offset, &hole) == 0 ? hole : nil
  }
}
