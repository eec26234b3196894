// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Filesystems
internal import Glibc
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage

/// Which parts of a disk a dump must hold, and how that was decided.
struct UsedBlocks {
  var extents: ExtentMap
  private(set) var selection = Manifest.Selection.nonZeroBlocks
  let filesystems: [Manifest.Filesystem]
  /// Of a disk that has a table of them.
  var partitions: [Manifest.Partition] = []
  let disk: Disk

  /// By partition, where a table divides the disk; by the bitmaps of a clean ext filesystem; else every block that is not
  /// zero. A journal that needs recovery holds what the bitmaps do not say, so they are not believed then, nor where they
  /// are not at one with the rest, or libblkid finds something else there too, such as the superblock of a RAID behind it. What else is
  /// behind the end of a filesystem may be of the disk's last tenant, and stays out. Holes of an image file are in no dump.
  ///
  /// - Throws: `.device` where a filesystem is larger than the disk: the rest of it is lost, or the disk is not all.
  init(of disk: Disk, progress: StepProgress) throws(Failure) {
    self.disk = disk
    extents = ExtentMap(diskSize: disk.size)
    let device = Region(rootOf: disk)
    let whole = ByteRange(offset: 0, length: disk.size)
    let table = try disk.believedTable()?.table
    let signatures = Self.signatures(of: disk, in: whole)
    var doubt: String?
    if table == nil, signatures?.excludesExt != true,
      let filesystem = try? Filesystem(opening: device, writable: false)
    {
      try Self.refuseCutOff(filesystem, on: disk)
      try Self.refuseJournalElsewhere(filesystem, on: disk)
      filesystems = [
        Manifest.Filesystem(
          offset: 0, type: filesystem.type, uuid: filesystem.uuid.description,
          label: filesystem.label.isEmpty ? nil : filesystem.label)
      ]
      let isClean = filesystem.isClean && !filesystem.needsRecovery
      if isClean {
        doubt =
          signatures?.isExt == false
          ? "libblkid does not find the \(filesystem.type) alone" : filesystem.bitmapFault()
      }
      if isClean, doubt == nil {
        try takeUsed(of: filesystem)
        selection = .usedBlocks
        progress.detail("\(Words.bytes(extents.used)) of \(Words.bytes(disk.size)), by the \(filesystem.type) bitmaps")
        return
      }
    } else if table == nil, signatures?.isSwap == true, let uuid = try SwapArea.uuid(on: disk) {
      // What was swapped out is of no use to anybody else.
      filesystems = [Manifest.Filesystem(offset: 0, type: "swap", uuid: uuid.description, label: nil)]
      selection = .usedBlocks
      try extents.append(ByteRange(offset: 0, length: SwapArea.pageSize))
      progress.detail("a swap area, of which the first page is kept")
      return
    } else {
      filesystems = try disk.contents().map {
        Manifest.Filesystem(offset: $0.offset, type: $0.type, uuid: $0.uuid, label: $0.label)
      }
      if table == nil, let type = type(at: 0), let space = space(of: type, in: whole) {
        selection = .usedBlocks
        // Holes too: nothing else tells the reader what is used, and so has to be zero.
        for range in space.ranges { try extents.append(range) }
        progress.detail("\(Words.bytes(extents.used)) of \(Words.bytes(disk.size)), by what \(type) says is used")
        return
      }
    }
    progress.expect(disk.size)
    if let table, table.partitions.count <= Manifest.mostPartitions {
      try takePartitions(of: table, progress)
      progress.detail("\(Words.bytes(extents.used)) of \(Words.bytes(disk.size)), by partition")
      return
    }
    try takeNonZero(whole, progress)
    progress.detail(
      "\(Words.bytes(extents.used)) of \(Words.bytes(disk.size)) are not zero"
        + (doubt.map { "; the bitmaps are not believed: \($0)" } ?? ""))
  }

  /// What libblkid knows in a range; nil where it could not read all that it looks at, which says nothing of what is there.
  static func signatures(of disk: Disk, in range: ByteRange) -> Signatures? {
    try? disk.descriptor.signatures(in: range)
  }

  private static func refuseCutOff(_ filesystem: borrowing Filesystem, on disk: Disk) throws(Failure) {
    guard filesystem.size > disk.size else { return }
    throw Failure(
      .device,
      "disk \(disk.path) has \(disk.size) bytes, and the \(filesystem.type) filesystem on it \(filesystem.size): "
        + "its end is missing",
      remedy: "find the whole disk, or see what e2fsck \(disk.path) can save")
  }

  private static func refuseJournalElsewhere(
    _ filesystem: borrowing Filesystem, on disk: Disk
  ) throws(Failure) {
    guard let journal = filesystem.externalJournal else { return }
    throw Failure(
      .guest,
      "the filesystem on \(disk.path) has its journal on another disk, \(journal), without which no guest could be made "
        + "of the dump",
      remedy: "give it a journal of its own, by tune2fs -O ^has_journal \(disk.path) and tune2fs -j \(disk.path)")
  }

  mutating func takeUsed(of filesystem: borrowing Filesystem, at base: UInt64 = 0) throws(Failure) {
    try filesystem.eachWrittenExtent { inside throws(Failure) in
      try takeData(of: ByteRange(offset: base + inside.offset, length: inside.length))
    }
  }

  /// What a filesystem other than ext uses; nil where it does not tell, or can't be believed.
  func space(of type: String, in range: ByteRange) -> UsedSpace? {
    UsedSpace(of: type, size: range.length) { inside throws(Failure) in
      try disk.descriptor.bytes(at: range.offset + inside.offset, count: Int(inside.length))
    }
  }

  /// The type of the filesystem that begins at `offset`.
  func type(at offset: UInt64) -> String? { filesystems.first { $0.offset == offset }?.type }

  /// Takes a range but for its holes.
  mutating func takeData(of range: ByteRange) throws(Failure) {
    guard !disk.isBlockDevice else { return try extents.append(range) }
    var offset = range.offset
    while true {
      // Whole sectors, whatever the unit in which the filesystem below has holes.
      let data = max(offset, try disk.nextData(from: offset) / 512 * 512)
      guard data < range.end else { return }
      offset = min(range.end, (try disk.nextHole(from: data) + 511) / 512 * 512)
      try extents.append(ByteRange(offset: data, length: offset - data))
      guard offset < range.end else { return }
    }
  }

  private static let blockSize = 4096

  /// Reads all of a range of the disk but its holes.
  mutating func takeNonZero(_ range: ByteRange, _ progress: StepProgress) throws(Failure) {
    try withBuffer(of: 1 << 20) { buffer throws(Failure) in
      var offset = range.offset
      while offset < range.end {
        let data = try disk.nextData(from: offset)
        progress.advance(by: min(data, range.end) - offset)
        guard data < range.end else { break }
        offset = max(offset, data / UInt64(Self.blockSize) * UInt64(Self.blockSize))
        let wanted = Int(min(UInt64(buffer.count), range.end - offset))
        let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        guard try disk.descriptor.readFull(into: piece, at: offset) == wanted else {
          throw Failure(.io, "\(disk.path) ends before its \(disk.size) bytes")
        }
        try takeNonZero(UnsafeRawBufferPointer(piece), at: offset)
        offset += UInt64(wanted)
        progress.advance(by: UInt64(wanted))
      }
    }
  }

  private mutating func takeNonZero(_ piece: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
    try NonZeroRuns(in: piece, unit: Self.blockSize).each { run throws(Failure) in
      try extents.append(ByteRange(offset: offset + UInt64(run.lowerBound), length: UInt64(run.count)))
    }
  }
}
