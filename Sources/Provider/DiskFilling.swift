// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage

/// A disk while it gets its content, in ascending order: its first bytes, where every filesystem and partition table
/// begins, are held back until all else is there.
struct DiskFilling {
  private let disk: DescriptorView
  private let owner: Disk
  private var head = Withheld()
  /// The disk reads as zeros where nothing was written.
  let isZeroed: Bool
  /// Bytes so far.
  private(set) var written: UInt64 = 0
  /// What the kernel was not told yet to bring to the disk, and how much of it was written.
  private var waiting: (range: Range<UInt64>, count: UInt64)?

  init(_ disk: Disk, isZeroed: Bool) {
    owner = disk
    self.disk = disk.descriptor.view
    self.isZeroed = isZeroed
  }

  /// Writes content at `offset`, which must be on the disk.
  ///
  /// - Throws: before the disk can be mounted, where its filesystem can't be used from it.
  mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    try owner.refuseUnfit(bytes, at: offset)
    written += UInt64(bytes.count)
    guard offset < UInt64(Disk.headSize) else { return try put(bytes, at: offset) }
    let inside = min(bytes.count, Disk.headSize - Int(offset))
    head.hold(owner.withholdingMark(of: Array(bytes[..<inside]), at: offset), at: offset)
    if inside < bytes.count {
      try put(UnsafeRawBufferPointer(rebasing: bytes[inside...]), at: UInt64(Disk.headSize))
    }
  }

  /// Writes, and has the kernel begin with each few MiB: less is left for the flush at the end.
  private mutating func put(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    try disk.writeAll(bytes, at: offset)
    let end = offset + UInt64(bytes.count)
    let before = waiting ?? (offset..<end, 0)
    let range = min(before.range.lowerBound, offset)..<max(before.range.upperBound, end)
    waiting = (range, before.count + UInt64(bytes.count))
    guard before.count + UInt64(bytes.count) >= 8 << 20 else { return }
    disk.startWriting(ByteRange(offset: range.lowerBound, length: range.upperBound - range.lowerBound))
    waiting = nil
  }

  /// The same, but zeros are not written where the disk reads as such.
  mutating func writeSparsely(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    guard isZeroed else { return try write(bytes, at: offset) }
    try NonZeroRuns(in: bytes, unit: 4096).each { run throws(Failure) in
      try write(UnsafeRawBufferPointer(rebasing: bytes[run]), at: offset + UInt64(run.lowerBound))
    }
  }

  /// Writes what was held back, once all else is on the disk, and waits until that is there too.
  func finish() throws(Failure) {
    try head.commit(to: Region(owner))
  }
}

extension Disk {
  /// What is to come to `offset` of the disk: a filesystem that can't be used from it.
  func refuseUnfit<Bytes: Collection<UInt8>>(
    _ bytes: Bytes, at offset: UInt64
  ) throws(Failure) where Bytes.Index == Int {
    let range = Superblock.range
    guard offset <= UInt64(range.lowerBound), offset + UInt64(bytes.count) >= UInt64(range.upperBound),
      offset > 0 || !StreamKind.hasPartitions(Array(bytes.prefix(512))),
      let superblock = Superblock(Array(bytes[(range.lowerBound - Int(offset))..<(range.upperBound - Int(offset))]))
    else { return }
    if let journal = superblock.journal {
      throw Failure(
        .guest, "the guest's filesystem has its journal on another disk, \(journal), which is not in what is imported",
        remedy:
          "give the original a journal of its own, by tune2fs -O ^has_journal and tune2fs -j; then export it again")
    }
    try refuseSectors(largerThan: superblock.blockSize)
  }

  /// The kernel mounts no filesystem whose blocks are smaller than the sectors of its disk.
  func refuseSectors(largerThan blockSize: UInt64, remedy: String? = nil) throws(Failure) {
    guard blockSize < sectorSize else { return }
    throw Failure(
      .device,
      "disk \(path) has sectors of \(sectorSize) bytes; a filesystem with blocks of \(blockSize) bytes can't be mounted "
        + "from it", remedy: remedy ?? "give the instance a disk with sectors of at most \(blockSize) bytes")
  }
}
