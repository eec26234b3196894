// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Glibc
internal import Images
internal import Layout
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage
internal import Worker

/// What workers do with a disk that a stranger made.
extension DiskImage {
  /// The largest disk in an image, in bytes: 16 TiB, as large as a file of ext4 can be.
  static let largest: UInt64 = 16 << 40

  /// The stream in its two descriptors, the file that the disk goes to, and for qcow2 the one that it is read from: the image
  /// itself, or (`unpacks`) an empty one.
  static let unpacking = WorkerTask("image", .decoder) { context throws(Failure) in
    let values = context.values
    let (stream, _) = try context.stream()
    let disk = try context.descriptor(2)
    try context.steps.step("unpacking the disk") { progress throws(Failure) in
      if context.count > 3 {
        let image = try context.descriptor(3)
        try unpackQcow2(
          stream, at: image, isThere: !values.flag("unpacks"), to: disk, threads: Int(values.number("threads")),
          progress)
      } else {
        try unpackRaw(stream, to: disk, progress)
      }
    }
    return nil
  }

  private static func unpackRaw(
    _ stream: IncomingStream, to disk: borrowing Descriptor, _ progress: StepProgress
  ) throws(Failure) {
    let view = disk.view
    try stream.eachPiece { bytes, offset throws(Failure) in
      try refuse(offset + UInt64(bytes.count), stream)
      try write(bytes, at: offset, to: view)
      progress.advance(by: UInt64(bytes.count))
    }
    guard stream.count > 0 else { throw Failure(.dump, "\(stream.name) has no bytes") }
    try disk.setLength((stream.count + 511) / 512 * 512)
  }

  private static func unpackQcow2(
    _ stream: IncomingStream, at file: borrowing Descriptor, isThere: Bool, to disk: borrowing Descriptor, threads: Int,
    _ progress: StepProgress
  ) throws(Failure) {
    guard try stream.prefix(4) == Array("QFI".utf8) + [0xFB] else {
      throw Failure(
        .dump, "\(stream.name) is not a qcow2 image: it starts with other bytes", remedy: "correct format, or the image"
      )
    }
    // No cluster goes to its place before all are there: an image is read where it is.
    var image = try Qcow2Image(stream, spool: file.view, largest: 0)
    try refuse(image.size, stream)
    var length: UInt64 = 0
    if isThere {
      length = UInt64(try file.status().st_size)
    } else {
      try stream.eachPiece { bytes, offset throws(Failure) in
        try image.take(bytes, at: offset) { _, _ throws(Failure) in }
      }
      length = stream.count
    }
    try disk.setLength(image.size)
    let view = disk.view
    try image.finish(length: length, threads: threads) { bytes, place throws(Failure) in
      try write(bytes, at: place, to: view)
      progress.advance(by: UInt64(bytes.count))
    }
  }

  private static func refuse(_ size: UInt64, _ stream: IncomingStream) throws(Failure) {
    guard size <= largest else {
      throw Failure(
        .dump, "the disk in \(stream.name) has \(Words.bytes(size)), and at most \(Words.bytes(largest)) are taken")
    }
  }

  private static func write(
    _ bytes: UnsafeRawBufferPointer, at offset: UInt64, to view: DescriptorView
  ) throws(Failure) {
    try NonZeroRuns(in: bytes, unit: 4096).each { run throws(Failure) in
      try view.writeAll(UnsafeRawBufferPointer(rebasing: bytes[run]), at: offset + UInt64(run.lowerBound))
    }
  }

  /// The disk, and where the list of its used ranges goes: offset and length of each, 8 bytes each, the lowest first. Tells how
  /// small a disk its table can be moved to, where it has one.
  static let measuring = WorkerTask("used-space", .reader) { context throws(Failure) in
    let disk = try context.disk(0)
    let list = try context.descriptor(1)
    let blocks = try context.steps.step("finding the used blocks") { progress throws(Failure) in
      try UsedBlocks(of: disk, progress: progress)
    }
    try write(blocks.extents, to: list)
    let smallest: JSON = disk.believedTable().map { .number($0.table.smallestDisk) } ?? nil
    return ["smallest": smallest]
  }

  /// Offset and length of each, 8 bytes each, the lowest first.
  static func write(_ ranges: some Sequence<ByteRange>, to list: borrowing Descriptor) throws(Failure) {
    var bytes: [UInt8] = []
    for range in ranges {
      for number in [range.offset, range.length] {
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
      }
      if bytes.count >= 1 << 20 {
        try list.writeAll(bytes)
        bytes = []
      }
    }
    try list.writeAll(bytes)
  }

  /// For which architecture the programs are in the root filesystem; null where that is not told.
  static let asking = WorkerTask("architecture", .reader) { context throws(Failure) in
    let filesystem = try Filesystem(opening: Region(rootOf: try context.disk(0)), writable: false)
    guard let program = try? filesystem.read("/bin/sh", limit: 64 << 20) else { return nil }
    return .optional(architecture(ofProgram: program))
  }

  /// Of a program of ELF (elf(5)), in Debian's words.
  static func architecture(ofProgram bytes: [UInt8]) -> String? {
    guard bytes.count >= 20, bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { return nil }
    let isLittle = bytes[5] == 1
    let machine = isLittle ? UInt16(bytes[18]) | UInt16(bytes[19]) << 8 : UInt16(bytes[18]) << 8 | UInt16(bytes[19])
    switch machine {
    case 3: return "i386"
    case 21: return isLittle ? "ppc64el" : "ppc64"
    case 22: return "s390x"
    case 40: return "arm"
    case 62: return "amd64"
    case 183: return "arm64"
    case 243: return "riscv64"
    default: return nil
    }
  }
}
