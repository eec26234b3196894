// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Glibc
internal import Images
internal import LinuxIO
internal import Report
internal import Storage

/// Disks that can't go to their place as they come: those that must be made smaller, and images that only qemu can read.
extension DiskRestoration {
  /// Runs `body` with a sparse file in the cache that is a disk of `size` bytes, for `content` bytes to be written to.
  func withSpool(size: UInt64, content: UInt64, _ body: (Disk) throws(Failure) -> Void) throws(Failure) {
    let store = try configuration.imageStore()
    try store.withScratch { folder throws(Failure) in
      try requireRoom(content, in: folder, for: "making the guest smaller")
      try body(try Self.makeSparse("\(folder)/disk.raw", size: size))
    }
  }

  private static func makeSparse(_ path: String, size: UInt64) throws(Failure) -> Disk {
    let file = try Descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    try file.setLength(size)
    try file.close()
    return try Disk(path, for: .writing)
  }

  /// The most that is spooled for a disk, in bytes: what the disk holds, and an eighth and 64 MiB for how it is packed or
  /// described.
  var mostSpooled: UInt64 { disk.size + disk.size / 8 + (64 << 20) }

  /// Copies what counts of a spooled disk to its place, made smaller where it must be.
  func copy(_ spool: Disk) throws(Failure) {
    let device = Region(spool, called: "the restored guest")
    guard (try? Filesystem(opening: device, writable: false)) != nil else {
      guard spool.size <= disk.size else { throw .tooSmall(disk, "the image has", spool.size) }
      let wiped = try disk.wipe(configuration, steps)
      // Holes are zeros of the disk too.
      if wiped == .none { try disk.clear(ByteRange(offset: 0, length: disk.size)) }
      return try copy(spool, to: DiskFilling(disk, isZeroed: true)) { body throws(Failure) in
        var offset = try spool.nextData(from: 0)
        while offset < spool.size {
          let end = try spool.nextHole(from: offset)
          try body(ByteRange(offset: offset, length: end - offset))
          offset = try spool.nextData(from: end)
        }
      }
    }
    try shrink(spool)
    let filesystem = try Filesystem(opening: device, writable: false)
    let wiped = try disk.wipe(configuration, steps)
    try copy(spool, to: DiskFilling(disk, isZeroed: wiped != .none)) { body throws(Failure) in
      try filesystem.eachWrittenExtent(body)
    }
    if wiped == .none {
      let target = Region(disk)
      let copied = try Filesystem(opening: target, writable: true)
      copied.distrustInodeTables()
      try copied.commit()
    }
  }

  private func copy(
    _ spool: Disk, to filling: DiskFilling,
    _ eachRange: ((ByteRange) throws(Failure) -> Void) throws(Failure) -> Void
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

  /// Makes the filesystem on a spooled disk small enough for `disk`.
  private func shrink(_ spool: Disk) throws(Failure) {
    let device = Region(spool, called: "the restored guest")
    let size = try Filesystem(opening: device, writable: false).size
    try steps.step(size > disk.size ? "check the filesystem and make it smaller" : "check the filesystem") {
      _ throws(Failure) in
      try spool.recover()
      guard size > disk.size else { return }
      let (status, words) = try Command.resize2fs(spool.path, "\(disk.size / 1024)K").capture(on: spool)
      if status.isSuccess { return try spool.repair(steps) }
      let (_, estimate) = try Command.resize2fs("-P", spool.path).capture(on: spool)
      let blocks = String(decoding: estimate, as: UTF8.self).split(whereSeparator: \.isWhitespace).last
        .flatMap { UInt64($0) }
      let blockSize = try Filesystem(opening: device, writable: false).blockSize
      guard let blocks, blocks * blockSize > disk.size else {
        throw Failure(.guest, "the filesystem can't be made smaller; resize2fs says: \(Command.lastLines(words))")
      }
      throw .tooSmall(disk, "the guest's files need", blocks * blockSize)
    }
  }
}
