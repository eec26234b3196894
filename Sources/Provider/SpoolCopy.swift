// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// The copy of what counts of a spooled disk to its place, by a worker that has both.
struct SpoolCopy {
  private let spool: Disk
  private let disk: Disk
  private let wipe: Wipe
  private let steps: Steps

  /// The spool and the disk; returns whether the mark of the first sector is kept back.
  static let task = WorkerTask("copy", .decoder) { context throws(Failure) in
    // To make a filesystem smaller cuts its file off.
    let file = try context.descriptor(0)
    let length = try file.length()
    let copy = SpoolCopy(
      spool: Disk(handedOver: file, size: length, sectorSize: 1, isBlockDevice: false), disk: try context.disk(1),
      wipe: try Wipe(of: context.values), steps: context.steps)
    if try context.values.flag("filesystem") { try copy.copyFilesystem() } else { try copy.copyAll() }
    return ["marked": .bool(copy.disk.mark == .withheld)]
  }

  private func copyAll() throws(Failure) {
    let wiped = try disk.wipe(wipe, steps)
    // Holes are zeros of the disk too.
    if wiped == .none { try disk.clear(ByteRange(offset: 0, length: disk.size)) }
    try copy(to: DiskFilling(disk, isZeroed: true)) { body throws(Failure) in
      let size = min(spool.size, disk.size)
      var offset = try spool.nextData(from: 0)
      while offset < size {
        let end = min(size, try spool.nextHole(from: offset))
        try body(ByteRange(offset: offset, length: end - offset))
        offset = try spool.nextData(from: end)
      }
    }
  }

  private func copyFilesystem() throws(Failure) {
    let filesystem = try Filesystem(opening: Region(rootOf: spool, called: "the restored guest"), writable: false)
    let wiped = try disk.wipe(wipe, steps)
    try copy(to: DiskFilling(disk, isZeroed: wiped != .none)) { body throws(Failure) in
      try filesystem.eachWrittenExtent(body)
    }
    guard wiped == .none else { return }
    let copied = try Filesystem(opening: Region(rootOf: disk), writable: true)
    copied.distrustInodeTables()
    try copied.commit()
  }

  private func copy(
    to filling: DiskFilling, _ eachRange: ((ByteRange) throws(Failure) -> Void) throws(Failure) -> Void
  ) throws(Failure) {
    var filling = filling
    try steps.step("copy the guest to its disk") { progress throws(Failure) in
      try withBuffer(of: 1 << 20) { buffer throws(Failure) in
        try eachRange { range throws(Failure) in
          var offset = range.offset
          while offset < range.end {
            let piece = UnsafeMutableRawBufferPointer(
              rebasing: buffer[..<Int(min(UInt64(buffer.count), range.end - offset))])
            guard try spool.descriptor.readFull(into: piece, at: offset) == piece.count else {
              throw Failure(.io, "\(spool.path) ends before byte \(offset + UInt64(piece.count))")
            }
            try filling.writeSparsely(UnsafeRawBufferPointer(piece), at: offset)
            offset += UInt64(piece.count)
            progress.advance(by: UInt64(piece.count))
          }
        }
      }
      try filling.finish()
    }
  }
}
