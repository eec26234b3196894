// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

/// What of an earlier tenant's data is to go before a disk gets a new one.
package enum Wipe: String, CaseIterable, Sendable {
  /// All of it, where the disk can forget without being written.
  case discard
  /// All of it, by writing zeros where the disk can't forget.
  case zero
  /// Only the signatures by which filesystems and the like are found.
  case none
}

extension Disk {
  /// Removes the signatures of whatever was on the disk and, as asked, its data.
  ///
  /// - Returns: what was done: `.none` where the disk could not discard. After anything else the whole disk reads as
  ///   zeros.
  package func wipe(_ wanted: Wipe, progress: StepProgress) throws(Failure) -> Wipe {
    try removeSignatures()
    guard wanted != .none else { return .none }
    progress.expect(size)
    let step: UInt64 = 1 << 40
    var offset: UInt64 = 0
    var done = Wipe.discard
    while offset < size {
      let length = min(step, size - offset)
      if done == .discard {
        let error = isBlockDevice ? clinux_punch(descriptor.raw, offset, length) : try forget(offset, length)
        switch error {
        case 0: break
        case EOPNOTSUPP, EINVAL, ENOSYS:
          guard wanted == .zero else { return .none }
          done = .zero
          continue
        default: throw .system("discard", path, errno: error)
        }
        offset += length
        progress.advance(by: length)
      } else {
        let piece = min(64 << 20, size - offset)
        try clear(ByteRange(offset: offset, length: piece))
        offset += piece
        progress.advance(by: piece)
      }
    }
    return done
  }

  /// Makes sure, on the disk itself, that nothing on it can be taken for a guest or anything else.
  package func removeSignatures() throws(Failure) {
    var found: Int32 = 0
    let error = clinux_wipe_signatures(descriptor.raw, &found)
    if error != 0 { throw .system("remove the old signatures from", path, errno: error) }
    try clearEnds()
    try descriptor.flush()
  }

  /// What is cleared in any case: where filesystems, boot loaders and volume managers have their first bytes, and where
  /// RAID and GPT have their copies, which are found only by who knows the sectors that they were written with.
  private func clearEnds() throws(Failure) {
    let length = min(size, 1 << 20)
    try clear(ByteRange(offset: 0, length: length))
    let end = size - size % UInt64(sectorSize)
    try clear(ByteRange(offset: end - min(end, length), length: min(end, length)))
  }

  /// A file that is all allocated stays so; any other gets holes.
  private func forget(_ offset: UInt64, _ length: UInt64) throws(Failure) -> Int32 {
    let isFull = UInt64(try descriptor.status().st_blocks) * 512 >= size
    return isFull
      ? clinux_zero_range(descriptor.raw, offset, length) : clinux_punch(descriptor.raw, offset, length)
  }

  /// Makes a range read as zeros, by writing them if there is no other way.
  package func clear(_ range: ByteRange) throws(Failure) {
    let fast =
      isBlockDevice
      ? clinux_zero_device(descriptor.raw, range.offset, range.length) : try forget(range.offset, range.length)
    if fast == 0 { return }
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    var offset = range.offset
    while offset < range.end {
      let count = Int(min(UInt64(zeros.count), range.end - offset))
      do {
        try zeros.withUnsafeBytes {
          try descriptor.writeAll(UnsafeRawBufferPointer(rebasing: $0[..<count]), at: offset)
        }
      } catch {
        throw error as? Failure ?? Failure(.io, "\(error)")
      }
      offset += UInt64(count)
    }
  }

  /// The same as far as it can be, after work on the disk failed.
  package func spoil() {
    var found: Int32 = 0
    _ = clinux_wipe_signatures(descriptor.raw, &found)
    try? clearEnds()
    try? descriptor.flush()
  }
}
