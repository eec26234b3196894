// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Filesystems
internal import LinuxIO
internal import Report
internal import Storage

/// Dumps of this program.
extension StreamDecoder {
  func receiveDump(_ reader: DumpReader) throws(Failure) -> Received {
    let manifest = reader.manifest
    let filesystem = Self.guestFilesystem(in: manifest)
    if manifest.diskSize <= disk.size || Self.partitionsFit(manifest, on: disk) {
      try write(reader)
    } else {
      guard filesystem != nil, manifest.used <= disk.size else {
        throw .tooSmall(disk, "the dumped disk had", manifest.diskSize, used: manifest.used)
      }
      try withSpool(size: manifest.diskSize, content: manifest.used) { spool throws(Failure) in
        try fill(DiskFilling(spool, isZeroed: true), of: spool, with: reader)
      }
    }
    if filesystem != nil { return .filesystem(of: manifest.instance) }
    let types = manifest.filesystems.map(\.type)
    return .other(types.isEmpty ? "no filesystem" : types.joined(separator: " and "), of: manifest.instance)
  }

  /// Whether nothing but the copy of the partition table is behind the end of the disk.
  private static func partitionsFit(_ manifest: Manifest, on disk: Disk) -> Bool {
    manifest.partitions.map(\.range.end).max().map { $0 <= disk.size } ?? false
  }

  private static func guestFilesystem(in manifest: Manifest) -> Manifest.Filesystem? {
    let root = DiskLayout(wholeDiskOf: manifest.diskSize).root.offset
    return manifest.filesystems.first { $0.offset == root && FilesystemKind(named: $0.type).can.contains(.editFiles) }
  }

  private func write(_ reader: DumpReader) throws(Failure) {
    let wiped = try disk.wipe(wipe, steps)
    let (selection, extents) = (reader.manifest.selection, reader.extents)
    if wiped == .none, selection != .usedBlocks {
      // What the dump does not hold is zero on the disk that it was made of.
      try steps.step("clear what the dump does not hold") { _ throws(Failure) in
        var end: UInt64 = 0
        for extent in extents where extent.offset < disk.size {
          if extent.offset > end { try disk.clear(ByteRange(offset: end, length: extent.offset - end)) }
          end = extent.end
        }
        if end < disk.size { try disk.clear(ByteRange(offset: end, length: disk.size - end)) }
      }
    }
    try fill(DiskFilling(disk, isZeroed: wiped != .none), of: disk, with: reader)
    if wiped == .none, selection == .usedBlocks, Self.guestFilesystem(in: reader.manifest) != nil {
      try steps.step("clear what is used and was zero") { _ throws(Failure) in try clearUnheld(extents) }
    }
  }

  /// Writes the dump's extents; the disk's first bytes last of all, when the dump was right to its end.
  private func fill(_ filling: DiskFilling, of target: Disk, with reader: DumpReader) throws(Failure) {
    let manifest = reader.manifest
    var filling = filling
    try steps.step("restore \(manifest.instance)") { progress throws(Failure) in
      progress.expect(manifest.used)
      var done: UInt64 = 0
      let summary = try reader.read(
        workers: workers,
        progress: { total in
          progress.advance(by: total - done)
          done = total
        },
        extent: { offset, bytes throws(Failure) in
          guard offset < target.size else { return }
          let fitting = bytes.prefix(Int(clamping: target.size - offset))
          try filling.write(UnsafeRawBufferPointer(rebasing: fitting), at: offset)
        })
      progress.detail("\(Words.bytes(manifest.used)) from \(Words.bytes(summary.stored))")
      try filling.finish()
    }
  }

  /// Blocks that the filesystem uses and that were holes of an image file are in no dump, and neither are inode tables
  /// that were never written: on a disk that was not wiped they hold anything.
  private func clearUnheld(_ extents: ExtentMap) throws(Failure) {
    let device = Region(rootOf: disk)
    let filesystem = try Filesystem(opening: device, writable: true)
    var held = extents.makeIterator()
    var next = held.next()
    try filesystem.eachWrittenExtent { written throws(Failure) in
      var begin = written.offset
      while let extent = next, extent.offset < written.end {
        if extent.offset > begin { try disk.clear(ByteRange(offset: begin, length: extent.offset - begin)) }
        begin = max(begin, extent.end)
        guard extent.end <= written.end else { return }
        next = held.next()
      }
      if begin < written.end { try disk.clear(ByteRange(offset: begin, length: written.end - begin)) }
    }
    filesystem.distrustInodeTables()
    try filesystem.commit()
  }
}
