// SPDX-License-Identifier: Apache-2.0
package import Ext4
internal import Glibc
package import LinuxIO
package import Report
internal import Storage

/// What filling an image from an archive yields.
package struct PopulatedImage: Sendable {
  /// The filesystem in bytes; the image file is as long.
  package var size: UInt64
  /// What of it must be copied to have the guest: the used blocks without the unwritten tails of inode tables.
  package var usedExtents: [ByteRange]
  /// `/var/lib/dpkg/status` of the guest, empty where there is none.
  package var dpkgStatus: [UInt8]
  package var files: Int
  /// The file os-release of the guest, empty where there is none.
  package var release: [UInt8] = []
  /// How its shell begins, empty where there is none.
  package var shell: [UInt8] = []
  /// It has the accounts that each system has.
  package var isSystem = true
}

/// A tar with the root filesystem of a guest, which can be read more than once.
package struct TreeSource {
  /// What it is in a message.
  let name: String
  let packing: PackedStream?
  /// `sha256:…` or `sha512:…`; nil where it is known to be what it should be.
  let digest: String?
  /// Begins to read it: what it returns puts the next bytes into the buffer, 0 only at the end.
  let begin: () -> (UnsafeMutableRawBufferPointer) throws(Failure) -> Int

  package init(
    _ name: String, packing: PackedStream?, digest: String? = nil,
    begin: @escaping () -> (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) {
    self.name = name
    self.packing = packing
    self.digest = digest
    self.begin = begin
  }

  /// Reads it from its beginning; all of it is compared with its digest when `body` is done.
  ///
  /// - Parameter isLayer: whether it may be empty.
  func read<R>(
    isLayer: Bool = false, _ body: (borrowing TarArchive) throws(Failure) -> R
  ) throws(Failure) -> R {
    let reading = try CheckedReading(name, digest, begin())
    let archive = try TarArchive(name, packings: packing.map { [$0] } ?? [], mayBeEmpty: isLayer) {
      buffer throws(Failure) in
      try reading.read(into: buffer)
    }
    let result = try body(archive)
    try reading.finish()
    return result
  }
}

/// Makes the image file `image` and fills it with the root filesystem in the archive `tar`.
package func populate(
  image: String, fromTar tar: String, options: FilesystemOptions, progress: StepProgress
) throws(Failure) -> PopulatedImage {
  let needed = try measure(tar, TarArchive(tar), options)
  let file = try Descriptor(image, O_RDWR | O_CREAT | O_EXCL, mode: 0o644)
  try file.setLength(needed.size)
  // Until the commit its superblock is not on the disk: an image which was cut short is not even a filesystem.
  let filesystem = try Filesystem.format(Region(of: file), size: needed.size, options: options)
  progress.expect(needed.contentBytes)
  let files = try filesystem.fill(from: TarArchive(tar), progress: progress)
  return try filesystem.finish(files, size: needed.size, options)
}

/// Fills an empty file with a filesystem with what is in the source.
///
/// - Parameter most: how much that may be, in bytes.
/// - Throws: `.guest` for what is not the root filesystem of a guest, and for more.
package func populate(
  _ file: consuming Descriptor, from source: TreeSource, options: FilesystemOptions, most: UInt64,
  progress: StepProgress
) throws(Failure) -> PopulatedImage {
  let needed = try source.read { archive throws(Failure) in try measure(source.name, archive, options) }
  guard needed.contentBytes <= most else {
    throw Failure(
      .guest,
      "the files in \(source.name) have \(Words.bytes(needed.contentBytes)), and the cache takes at most "
        + Words.bytes(most), remedy: "raise cache_max_size in the configuration")
  }
  try file.setLength(needed.size)
  let filesystem = try Filesystem.format(Region(of: file), size: needed.size, options: options)
  progress.expect(needed.contentBytes)
  let files = try source.read { archive throws(Failure) in try filesystem.fill(from: archive, progress: progress) }
  return try filesystem.finish(files, size: needed.size, options)
}

extension Filesystem {
  /// Ends the making of an image, which holds so many files.
  borrowing func finish(_ files: Int, size: UInt64, _ options: FilesystemOptions) throws(Failure) -> PopulatedImage {
    releaseDescriptorRoom(options)
    let status = try read("/var/lib/dpkg/status", limit: 64 << 20) ?? []
    // What is larger is not one.
    let release = (try? read("/etc/os-release")) ?? []
    let shell = (try? read("/bin/sh", limit: 64 << 20)) ?? []
    let isSystem = try find("/etc/passwd") != nil
    try commit()
    return PopulatedImage(
      size: size, usedExtents: try writtenExtents(), dpkgStatus: status, files: files, release: release,
      shell: Array(shell.prefix(64)), isSystem: isSystem)
  }
}

/// How large the filesystem for an archive must be.
private func measure(
  _ tar: String, _ archive: borrowing TarArchive, _ options: FilesystemOptions
) throws(Failure) -> (size: UInt64, contentBytes: UInt64) {
  var measure = TreeMeasure(tar, options)
  while let entry = try archive.next() { try measure.add(entry) }
  return (try measure.size(), measure.content)
}

/// Adds up what the files of a guest take: whole groups, with room for the guest's own files to be edited and for a journal on
/// the smallest disk.
struct TreeMeasure {
  private let name: String
  private let options: FilesystemOptions
  private let block: UInt64
  private var blocks: UInt64 = 0
  private var entries: UInt64 = 0
  /// In bytes.
  private(set) var content: UInt64 = 0

  init(_ name: String, _ options: FilesystemOptions) {
    self.name = name
    self.options = options
    block = UInt64(options.blockSize)
  }

  mutating func add(_ entry: TarEntry) throws(Failure) { try add(entry.kind, entry.length, entry.path) }

  mutating func add(_ kind: FileKind, _ length: TarLength, _ path: ByteString) throws(Failure) {
    entries += 1
    guard length.size <= options.largestSize else {
      throw Failure(.guest, "/\(path) in the archive has \(length.size) bytes, more than any disk that is made")
    }
    content = content.saturatingAdding(length.data)
    // What lies between holes need not begin and end with a block.
    let data = min((length.size + block - 1) / block, (length.data + block - 1) / block + 2 * length.places)
    blocks = blocks.saturatingAdding(data)
    // A directory has a block of its own; a long link and large attributes have one too.
    if kind != .file { blocks += 1 }
    blocks += options.kind == .ext4 ? indexBlocks(of: data, length) : pointerBlocks(of: data, length)
  }

  /// A block for each 340 extents of a fragmented file at the worst, and those above it.
  private func indexBlocks(of data: UInt64, _ length: TarLength) -> UInt64 {
    data / 340 + (length.places > 0 ? 4 : 0)
  }

  /// Without extents. What lies far apart needs four of its own each, two of the lowest level and two above, and those of a file
  /// without holes are the most.
  private func pointerBlocks(of data: UInt64, _ length: TarLength) -> UInt64 {
    let pointers = block / 4
    guard length.places > 0 else { return data / pointers }
    let all = length.size / (block * pointers)
    return min(all + all / pointers, data / pointers + 4 * length.places) + 3
  }

  /// In bytes.
  func size() throws(Failure) -> UInt64 {
    let journal = max(16 << 20, 1024 * block) / block
    let blocks = blocks + blocks / 50 + journal
    let perGroup = options.groupSize / block
    let inodesPerGroup = max(options.groupSize / UInt64(options.inodeRatio), 8)
    let tables = inodesPerGroup * 256 / block + 3
    var groups: UInt64 = 1
    while !(groups * inodesPerGroup > entries + 64 && options.capacity(ofGroups: groups, tables: tables) > blocks) {
      groups += 1
      guard groups * perGroup * block <= options.largestSize else {
        throw Failure(
          .guest, "\(name) needs more than \(options.largestSize) bytes, the most that this filesystem holds")
      }
    }
    return groups * options.groupSize
  }
}
