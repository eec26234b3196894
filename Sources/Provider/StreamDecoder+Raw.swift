// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Layout
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage

/// Disks as they are, byte for byte.
extension StreamDecoder {
  func receiveRaw(_ stream: IncomingStream) throws(Failure) -> Received {
    let beginning = try stream.prefix(StreamKind.prefixLength)
    let isDivided = StreamKind.hasPartitions(beginning)
    let superblock = isDivided ? nil : Superblock(Array(beginning.dropFirst(1024).prefix(1024)))
    let stated = RawDisk.length(beginning: beginning)
    let isExt = StreamKind(prefix: beginning) == .ext && superblock?.isJournal != true
    var length = stated
    if !isExt, let stated, stated > disk.size { length = try partitionsEnd(beginning) ?? stated }
    if let length, length > disk.size {
      guard isExt else { throw .tooSmall(disk, "the raw disk has", length) }
      let used = superblock?.used ?? length
      guard used <= disk.size else { throw .tooSmall(disk, "the filesystem on the raw disk uses", used) }
      try withSpool(size: length, content: used) { spool throws(Failure) in
        try fill(DiskFilling(spool, isZeroed: true), of: spool, with: stream, atLeast: length, stated: stated)
      }
    } else {
      let wiped = try disk.wipe(wipe, steps)
      try fill(DiskFilling(disk, isZeroed: wiped != .none), of: disk, with: stream, atLeast: length, stated: stated)
    }
    return isExt ? .filesystem(of: nil) : .other("a disk without an ext filesystem of its own", of: nil)
  }

  /// Where the partitions end of a disk that is larger than the one that it is for, in bytes; nil where it has none.
  ///
  /// - Throws: `.device` where they do not fit.
  private func partitionsEnd(_ beginning: [UInt8]) throws(Failure) -> UInt64? {
    let source = TableSource(disk.path, size: disk.size, sectorSize: disk.tableSectorSize) { range throws(Failure) in
      range.end <= UInt64(beginning.count) ? Array(beginning[Int(range.offset)..<Int(range.end)]) : []
    }
    return try PartitionTable.read(source)?.table.partitions.map(\.range.end).max()
  }

  /// - Parameters:
  ///   - target: where it is written to, which may be larger than the disk that it is for.
  ///   - stated: where the disk that it was ended.
  private func fill(
    _ filling: DiskFilling, of target: Disk, with stream: IncomingStream, atLeast length: UInt64?, stated: UInt64?
  ) throws(Failure) {
    var filling = filling
    let most = mostSpooled
    try steps.step("restore the raw disk") { progress throws(Failure) in
      if let length { progress.expect(length) }
      try stream.eachPiece { bytes, offset throws(Failure) in
        progress.advance(by: UInt64(bytes.count))
        if let length { try stream.refuseEndless(behind: max(length, stated ?? 0), for: disk) }
        guard offset + UInt64(bytes.count) <= target.size else {
          // Behind the filesystem there may be anything, as on the disk that it is from.
          if let length, length <= target.size { return try filling.writeFitting(bytes, at: offset, of: target.size) }
          throw .tooSmall(target, "the raw disk has at least", offset + UInt64(bytes.count))
        }
        try filling.writeSparsely(bytes, at: offset)
        guard filling.written <= most else {
          throw Failure(
            .device,
            "the raw disk holds more than \(Words.bytes(most)) for disk \(disk.path), which has "
              + "\(Words.bytes(disk.size)): its filesystem does not use all of that",
            remedy: "clear what is free on the original, by fstrim(8) or zerofree(8), or import an export of it")
        }
      }
      if let length, stream.count < length {
        throw Failure(
          .dump, "\(stream.name) is cut off: it has \(stream.count) bytes, and what is on the raw disk \(length)",
          remedy: "take a whole copy of it")
      }
      try filling.finish()
    }
  }
}

extension DiskFilling {
  /// Writes what of the content is on a disk of `size` bytes.
  fileprivate mutating func writeFitting(
    _ bytes: UnsafeRawBufferPointer, at offset: UInt64, of size: UInt64
  ) throws(Failure) {
    guard offset < size else { return }
    let fitting = Int(min(UInt64(bytes.count), size - offset))
    try writeSparsely(UnsafeRawBufferPointer(rebasing: bytes[..<fitting]), at: offset)
  }
}
