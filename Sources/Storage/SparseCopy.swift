// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// Copies an image file to `target`, which is made: by sharing the blocks where the filesystem can, else without the
/// holes.
///
/// - Returns: a failure leaves what was copied so far; it is on the disk once it is flushed.
package func copySparse(_ source: String, to target: String, progress: StepProgress) throws(Failure) {
  let from = try Descriptor(source, O_RDONLY | O_NOFOLLOW)
  let length = UInt64(try from.status().st_size)
  let to = try Descriptor(target, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
  try to.setLength(length)
  // A length of 0 means up to the end.
  if to.view.clone(ByteRange(offset: 0, length: 0), of: from.view, to: 0) { return try to.close() }
  try copyData(from.view, to.view, length: length, progress)
  try to.close()
}

private func copyData(
  _ from: DescriptorView, _ to: DescriptorView, length: UInt64, _ progress: StepProgress
) throws(Failure) {
  try withBuffer(of: 1 << 20) { buffer throws(Failure) in
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
}
