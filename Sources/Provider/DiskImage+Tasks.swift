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

  /// What comes of unpacking a stream.
  enum Unpacked: String {
    /// The disk as it is.
    case disk
    /// An image of qemu that other hands had packed.
    case qcow2
    /// Another file that they had packed.
    case file
  }

  /// What `unpacking` is told: of how many bytes that are not zero its file may be made, and what that is to be.
  static func values(_ most: UInt64, _ unpacked: Unpacked = .disk, threads: Int = 1) -> JSON {
    ["most": .number(most), "as": .string(unpacked.rawValue), "threads": .integer(threads)]
  }

  /// The stream in its two descriptors, the file that is made of it, and for an image of qemu, whose disk it is then, the image.
  static let unpacking = WorkerTask("image", .decoder) { context throws(Failure) in
    let values = context.values
    let (stream, _) = try context.stream()
    let file = SharedDescriptor(try context.descriptor(2))
    let content = try SparseContent(view: file.view, name: stream.name, most: values.number("most"))
    let unpacked = Unpacked(rawValue: try values.text("as")) ?? .file
    try context.steps.step("unpacking the disk") { progress throws(Failure) in
      if context.count > 3 {
        let image = try context.descriptor(3)
        try unpackQcow2(stream, in: image, to: content, threads: Int(values.number("threads")), progress)
      } else {
        try makeFile(unpacked, of: stream, in: content, progress)
      }
    }
    withExtendedLifetime(file) {}
    return nil
  }

  private static func makeFile(
    _ unpacked: Unpacked, of stream: IncomingStream, in content: SparseContent, _ progress: StepProgress
  ) throws(Failure) {
    var content = content
    let longest = unpacked == .qcow2 ? try longestQcow2(stream, content) : largest
    try stream.eachPiece { bytes, offset throws(Failure) in
      let length = offset + UInt64(bytes.count)
      guard length <= longest else {
        throw Failure(
          .dump, "\(stream.name) is longer than \(Words.bytes(longest)), the most that is taken of such an image")
      }
      try content.write(bytes, at: offset)
      progress.advance(by: UInt64(bytes.count))
    }
    guard stream.count > 0 else { throw Failure(.dump, "\(stream.name) has no bytes") }
    try content.view.setLength(unpacked == .disk ? (stream.count + 511) / 512 * 512 : stream.count)
  }

  /// How long an image of qemu is at most: as its disk, with an eighth and 64 MiB for how that is described, or as much as the
  /// cache takes, as with snapshots. Zeros without an end would come to an end only with the patience of whoever waits.
  private static func longestQcow2(_ stream: IncomingStream, _ content: SparseContent) throws(Failure) -> UInt64 {
    let size = try qcow2(stream, in: content.view).size
    return max(content.most, size + size / 8 + (64 << 20))
  }

  /// No cluster goes to its place before all are there: an image is read where it is.
  private static func qcow2(_ stream: IncomingStream, in file: DescriptorView) throws(Failure) -> Qcow2Image {
    guard try stream.prefix(4) == Array("QFI".utf8) + [0xFB] else {
      throw Failure(
        .dump, "\(stream.name) is not a qcow2 image: it starts with other bytes", remedy: "correct format, or the image"
      )
    }
    let image = try Qcow2Image(stream, spool: file, largest: 0)
    guard image.size <= largest else {
      throw Failure(
        .dump,
        "the disk in \(stream.name) has \(Words.bytes(image.size)), and at most \(Words.bytes(largest)) are taken")
    }
    return image
  }

  private static func unpackQcow2(
    _ stream: IncomingStream, in file: borrowing Descriptor, to content: SparseContent, threads: Int,
    _ progress: StepProgress
  ) throws(Failure) {
    var content = content
    let image = try qcow2(stream, in: file.view)
    try content.view.setLength(image.size)
    try image.finish(length: try file.length(), threads: threads) { bytes, place throws(Failure) in
      try content.write(bytes, at: place)
      progress.advance(by: UInt64(bytes.count))
    }
  }

  /// A file in the cache that gets all but zeros, up to a limit.
  private struct SparseContent {
    let view: DescriptorView
    /// What it comes from.
    let name: String
    /// In bytes.
    let most: UInt64
    private var written: UInt64 = 0

    init(view: DescriptorView, name: String, most: UInt64) {
      (self.view, self.name, self.most) = (view, name, most)
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Failure) {
      try NonZeroRuns(in: bytes, unit: 4096).each { run throws(Failure) in
        written += UInt64(run.count)
        guard written <= most else {
          throw Failure(
            .dump, "\(name) holds more than \(Words.bytes(most)), the most that the cache takes",
            remedy: "raise cache_max_size in the configuration")
        }
        try view.writeAll(UnsafeRawBufferPointer(rebasing: bytes[run]), at: offset + UInt64(run.lowerBound))
      }
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
    let smallest: JSON = try disk.believedTable().map { .number($0.table.smallestDisk) } ?? nil
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
