// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxIO
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
  /// Clears the signatures of whatever was on the disk and, as asked, its data. What must be gone before anything new comes, also
  /// where the power fails, is first removed by `removeSignatures`.
  ///
  /// - Returns: what was done: `.none` where the disk could not discard. After anything else the whole disk reads as
  ///   zeros.
  package func wipe(_ wanted: Wipe, progress: StepProgress) throws(Failure) -> Wipe {
    guard wanted != .none else {
      try clearEnds()
      return .none
    }
    progress.expect(size)
    let step: UInt64 = 1 << 40
    var offset: UInt64 = 0
    var done = Wipe.discard
    while offset < size {
      let length = min(step, size - offset)
      if done == .discard {
        let range = ByteRange(offset: offset, length: length)
        let error = isBlockDevice ? descriptor.punch(range) : try forget(range)
        switch error {
        case 0: break
        case EOPNOTSUPP, EINVAL, ENOSYS:
          guard wanted == .zero else {
            try clearEnds()
            return .none
          }
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
    try clearEnds()
    try descriptor.flush()
  }

  /// What is cleared in any case, by place, so that nothing on the disk has to be understood for it: wherever libblkid looks for a
  /// filesystem, swap, RAID, encryption or a partition table. At the beginning the last is the second header of LUKS2, at 4 MiB
  /// (bcachefs and VMFS have something at 2 MiB); at the end the first is Promise's RAID, 3087 sectors of 512 bytes before it.
  private func clearEnds() throws(Failure) {
    let length = min(size, 4 << 20 + 64 << 10)
    try clear(ByteRange(offset: 0, length: length))
    let end = size - size % UInt64(sectorSize)
    let tail = min(end, 2 << 20)
    try clear(ByteRange(offset: end - tail, length: tail))
  }

  /// A file that is all allocated stays so; any other gets holes.
  private func forget(_ range: ByteRange) throws(Failure) -> Int32 {
    let isFull = UInt64(try descriptor.status().st_blocks) * 512 >= size
    return isFull ? descriptor.zeroFile(range) : descriptor.punch(range)
  }

  /// Makes a range read as zeros, by writing them if there is no other way.
  package func clear(_ range: ByteRange) throws(Failure) {
    let fast = isBlockDevice ? descriptor.zeroDevice(range) : try forget(range)
    if fast == 0 { return }
    let view = descriptor.view
    try withBuffer(of: 1 << 20) { zeros throws(Failure) in
      zeros.initializeMemory(as: UInt8.self, repeating: 0)
      var offset = range.offset
      while offset < range.end {
        let count = Int(min(UInt64(zeros.count), range.end - offset))
        try view.writeAll(UnsafeRawBufferPointer(rebasing: zeros[..<count]), at: offset)
        offset += UInt64(count)
      }
    }
  }

  /// The same as far as it can be, after work on the disk failed.
  package func spoil() {
    try? clearEnds()
    try? descriptor.flush()
  }

  /// How many bytes at the beginning of a disk hold the first bytes of every filesystem and partition table.
  package static let headSize = 1 << 20

  /// Clears these bytes as well as can be, when the process is about to end.
  package static func clearHead(of disk: DescriptorView) {
    let zeros = [UInt8](repeating: 0, count: 4096)
    for offset in stride(from: 0, to: headSize, by: zeros.count) {
      guard (try? disk.writeAll(zeros, at: UInt64(offset))) != nil else { return }
    }
  }
}
