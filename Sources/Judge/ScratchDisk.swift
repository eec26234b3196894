// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Ext4
internal import Filesystems
internal import Glibc
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage

/// A disk of a trial: an image file, for version 5 with a loop device on it, since there all disks are devices.
final class ScratchDisk {
  /// The image file.
  let image: String
  /// What the scripts are given.
  var path: String { loop?.path ?? image }
  let size: UInt64
  private let loop: LoopDevice?

  /// A new disk full of zeros, or of what is in the file already.
  init(_ image: String, size: UInt64, isDevice: Bool, readOnly: Bool = false) throws(Failure) {
    let file = try Descriptor(image, O_RDWR | O_CREAT, mode: 0o600)
    try file.setLength(size)
    self.image = image
    self.size = size
    loop = isDevice || readOnly ? try LoopDevice(on: image, readOnly: readOnly) : nil
  }

  deinit { unlink(image) }

  func flush() throws(Failure) { try loop?.flush() }

  /// A disk with the same contents.
  func copy(to image: String) throws(Failure) -> ScratchDisk {
    try flush()
    let (status, output) = try Command("cp", ["--sparse=always", "--reflink=auto", self.image, image]).capture(
      limit: 4096)
    guard status.isSuccess else {
      throw Failure(.io, "cannot copy \(self.image): \(String(decoding: output, as: UTF8.self).escaped)")
    }
    return try ScratchDisk(image, size: size, isDevice: loop != nil)
  }

  /// Whether there is nothing on it but zeros.
  func isBlank() throws(Failure) -> Bool {
    var isBlank = true
    try eachPiece { _, _ in isBlank = false }
    return isBlank
  }

  /// The digest of all that is not zero, with the places where it is.
  func digest() throws(Failure) -> String {
    var digest = SHA256()
    try eachPiece { bytes, offset in
      withUnsafeBytes(of: offset.bigEndian) { digest.update($0) }
      digest.update(bytes)
    }
    return digest.hex()
  }

  /// Writes something that is not a filesystem, here and there.
  func scribble() throws(Failure) {
    let file = try Descriptor(path, O_RDWR)
    for place in [UInt64(0), size / 2, size - (1 << 20)] {
      try file.writeAll(randomBytes(1 << 20), at: place)
    }
    try file.flush()
  }

  private func eachPiece(_ body: (UnsafeRawBufferPointer, UInt64) -> Void) throws(Failure) {
    try flush()
    let file = try Descriptor(image, O_RDONLY)
    let piece = 1 << 20
    let view = file.view
    try withBuffer(of: piece) { buffer throws(Failure) in
      var offset: UInt64 = 0
      while offset < size {
        // What was never written is not read.
        guard let data = view.nextData(from: offset) else { return }
        offset = data / UInt64(piece) * UInt64(piece)
        let count = try view.readFull(into: buffer, at: offset)
        guard count > 0, let start = buffer.baseAddress else { return }
        let isZero = start.load(as: UInt8.self) == 0 && memcmp(start, start + 1, count - 1) == 0
        if !isZero { body(UnsafeRawBufferPointer(rebasing: buffer[..<count]), offset) }
        offset += UInt64(piece)
      }
    }
  }

  func bytes(at offset: UInt64, count: Int) throws(Failure) -> [UInt8] {
    try flush()
    return try Descriptor(path, O_RDONLY).bytes(at: offset, count: count)
  }

  /// - Throws: what is wrong with its partition table.
  func partitionTable() throws(Failure) -> FoundTable? {
    try flush()
    return try Disk(path, for: .reading).partitionTable()
  }

  // MARK: Its filesystem

  /// The filesystem of the guest, or what that may be in, such as LVM: the largest of those on the disk that are not swap.
  func filesystem() throws(Failure) -> DiskContent? {
    try flush()
    return try Disk(path, for: .reading).contents().filter { $0.type != "swap" }.max { $0.room < $1.room }
  }

  /// Runs `body` with the filesystem at `content`, which is one that libext2fs reads.
  func withFilesystem<T>(
    _ content: DiskContent, writable: Bool = false, _ body: (borrowing Filesystem) throws(Failure) -> T
  ) throws(Failure) -> T {
    let file = try Descriptor(path, writable ? O_RDWR : O_RDONLY)
    let region = try Region(of: file, from: content.offset)
    let filesystem = try Filesystem(opening: region, writable: writable)
    let result = try body(filesystem)
    if writable {
      try filesystem.commit()
      try region.flush()
    }
    return result
  }

  /// A small file of the guest on it; nil for anything else.
  func text(_ path: ByteString, in content: DiskContent) throws(Failure) -> String? {
    try withFilesystem(content) { filesystem throws(Failure) in
      guard let number = try filesystem.find(path), try filesystem.kind(number) == .file,
        try filesystem.attributes(of: number).size <= 1 << 20
      else { return nil }
      return String(decoding: try filesystem.read(path) ?? [], as: UTF8.self)
    }
  }

  /// Runs a tool of ext filesystems on one; returns what it said.
  func run(_ tool: String, _ arguments: [String], _ content: DiskContent) throws(Failure) -> [UInt8] {
    try flush()
    let place = content.offset == 0 ? path : "\(path)?offset=\(content.offset)"
    var command = Command(tool, arguments + [place])
    command.limits = .disk(of: size)
    let (status, output) = try command.capture(limit: 65536)
    guard status.isSuccess else {
      throw Failure(.tool, "\(tool) \(status): \(lines(of: output, 3).joined(separator: " "))")
    }
    return output
  }

  /// The last lines of what the checker of its filesystem says; nil where it finds nothing.
  ///
  /// - Throws: `.tool` also where no checker is known for its kind.
  func problems(of content: DiskContent) throws(Failure) -> [String]? {
    try flush()
    let kind = FilesystemKind(named: content.type)
    guard let checker = kind.checker else { throw Failure(.tool, "no checker is known for \(kind)") }
    // The others take a whole disk alone.
    guard content.offset == 0 || kind.can.contains(.editFiles) else {
      var whole = content
      whole.offset = 0
      return try excerpt(of: content).problems(of: whole)
    }
    var path = kind.can.contains(.editFiles) ? self.path : image
    if content.offset > 0 { path += "?offset=\(content.offset)" }
    var command = Command(checker.tool, checker.arguments + [path])
    var limits = ChildLimits.disk(of: size)
    if kind == .xfs {
      limits = limits.threaded
      // xfs_repair takes the limit away, and gives up where it can't. It writes nothing here.
      limits.fileSize = .max
    }
    command.limits = limits
    let (status, output) = try command.capture(limit: 16384)
    if status.isSuccess { return nil }
    return ["\(command.executable) \(status)"] + lines(of: output)
  }

  /// A disk with that alone.
  private func excerpt(of content: DiskContent) throws(Failure) -> ScratchDisk {
    let excerpt = try ScratchDisk("\(image).part", size: content.room, isDevice: false)
    let (status, output) = try Command(
      "dd",
      [
        "if=\(image)", "of=\(excerpt.image)", "bs=1M", "iflag=skip_bytes,count_bytes,fullblock",
        "skip=\(content.offset)", "count=\(content.room)", "conv=sparse,notrunc", "status=none",
      ]
    ).capture(limit: 4096)
    guard status.isSuccess else {
      throw Failure(.io, "cannot copy a part of \(image): \(String(decoding: output, as: UTF8.self).escaped)")
    }
    return excerpt
  }
}

extension DiskContent {
  /// Whether the files in it can be read here.
  var isExt: Bool { FilesystemKind(named: type).can.contains(.editFiles) }

  /// In a message. LVM and LUKS are not filesystems, and may hold one.
  var words: String { isFilesystem ? "a filesystem of type \(type)" : "what is in \(type)" }

  /// Whether a checker is known for it.
  var canBeChecked: Bool { FilesystemKind(named: type).checker != nil }
}

/// The last lines of what a program wrote, fit for a reader.
func lines(of output: [UInt8], _ count: Int = 20) -> [String] {
  output.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }).suffix(count)
    .map { Words.printable(String(decoding: $0, as: UTF8.self), limit: 300) }
}

func randomBytes(_ count: Int) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  // Short reads come only above 32 MiB.
  _ = bytes.withUnsafeMutableBytes { getentropyInPieces($0) }
  return bytes
}

private func getentropyInPieces(_ buffer: UnsafeMutableRawBufferPointer) -> Bool {
  var offset = 0
  while offset < buffer.count {
    let count = min(256, buffer.count - offset)
    guard getentropy(buffer.baseAddress! + offset, count) == 0 else { return false }
    offset += count
  }
  return true
}
