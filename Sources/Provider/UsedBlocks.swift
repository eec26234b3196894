// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Glibc
internal import LinuxIO
internal import Report

/// Which parts of a disk a dump must hold, and how that was decided.
struct UsedBlocks {
  let extents: ExtentMap
  let selection: Manifest.Selection
  let filesystems: [Manifest.Filesystem]

  /// By the bitmaps of a clean ext filesystem; else every block that is not zero. A journal that needs recovery holds
  /// what the bitmaps do not say, so they are not believed then.
  init(of disk: Disk, progress: StepProgress) throws(Failure) {
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path)
    guard let filesystem = try? Filesystem(opening: device, writable: false) else {
      if let uuid = try SwapArea.uuid(on: disk) {
        // What was swapped out is of no use to anybody else.
        filesystems = [Manifest.Filesystem(offset: 0, type: "swap", uuid: uuid.description, label: nil)]
        selection = .usedBlocks
        extents = try ExtentMap(diskSize: disk.size, [Extent(offset: 0, length: SwapArea.pageSize)])
        progress.detail("a swap area, of which the first page is kept")
        return
      }
      filesystems = []
      selection = .nonZeroBlocks
      extents = try Self.nonZeroBlocks(of: disk, progress)
      return
    }
    filesystems = [
      Manifest.Filesystem(
        offset: 0, type: filesystem.type, uuid: filesystem.uuid.description,
        label: filesystem.label.isEmpty ? nil : filesystem.label)
    ]
    if filesystem.isClean, !filesystem.needsRecovery, filesystem.size <= disk.size {
      selection = .usedBlocks
      let used = try filesystem.usedExtents().lazy.map { Extent(offset: $0.offset, length: $0.length) }
      extents = try ExtentMap(diskSize: disk.size, used)
      progress.detail("\(Words.bytes(extents.used)) of \(Words.bytes(disk.size)), by the \(filesystem.type) bitmaps")
    } else {
      selection = .nonZeroBlocks
      extents = try Self.nonZeroBlocks(of: disk, progress)
    }
  }

  private static let blockSize = 4096

  /// Reads all of the disk but its holes.
  private static func nonZeroBlocks(of disk: Disk, _ progress: StepProgress) throws(Failure) -> ExtentMap {
    progress.expect(disk.size)
    var extents = ExtentMap(diskSize: disk.size)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset: UInt64 = 0
    var pending: Extent?
    while offset < disk.size {
      let data = try disk.nextData(from: offset)
      progress.advance(by: min(data, disk.size) - offset)
      guard data < disk.size else { break }
      offset = data / UInt64(blockSize) * UInt64(blockSize)
      let wanted = Int(min(UInt64(buffer.count), disk.size - offset))
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
      guard try disk.descriptor.readFull(into: piece, at: offset) == wanted else {
        throw Failure(.io, "\(disk.path) ends before its \(disk.size) bytes")
      }
      for begin in stride(from: 0, to: wanted, by: blockSize) {
        let block = piece[begin..<min(begin + blockSize, wanted)]
        if isZero(UnsafeRawBufferPointer(rebasing: block)) { continue }
        let extent = Extent(offset: offset + UInt64(begin), length: UInt64(block.count))
        if let last = pending, last.end == extent.offset {
          pending = Extent(offset: last.offset, length: last.length + extent.length)
        } else {
          if let last = pending { try extents.append(last) }
          pending = extent
        }
      }
      offset += UInt64(wanted)
      progress.advance(by: UInt64(wanted))
    }
    if let last = pending { try extents.append(last) }
    progress.detail("\(Words.bytes(extents.used)) of \(Words.bytes(disk.size)) are not zero")
    return extents
  }

  private static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress, !bytes.isEmpty else { return true }
    // All bytes are the first one, and that is zero: memcmp compares them at the speed of memory.
    return bytes[0] == 0 && memcmp(base, base + 1, bytes.count - 1) == 0
  }
}
