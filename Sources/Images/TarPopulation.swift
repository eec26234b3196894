// SPDX-License-Identifier: Apache-2.0
package import Ext4
internal import Glibc
internal import LinuxIO
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
}

/// Makes the image file `image` and fills it with the root filesystem in the archive `tar`.
package func populate(
  image: String, fromTar tar: String, options: FilesystemOptions, progress: StepProgress
) throws(Failure) -> PopulatedImage {
  let needed = try measure(tar, options)
  let file = try Descriptor(image, O_RDWR | O_CREAT | O_EXCL, mode: 0o644)
  try file.setLength(needed.size)
  // Until the commit its superblock is not on the disk: an image which was cut short is not even a filesystem.
  let filesystem = try Filesystem.format(Region(of: file), size: needed.size, options: options)
  let archive = try TarArchive(tar)
  progress.expect(needed.contentBytes)
  let files = try filesystem.fill(from: archive, progress: progress)
  filesystem.releaseDescriptorRoom(options)
  let status = try filesystem.read("/var/lib/dpkg/status", limit: 64 << 20) ?? []
  try filesystem.commit()
  let used = try filesystem.writtenExtents()
  return PopulatedImage(
    size: needed.size, usedExtents: used, dpkgStatus: status, files: files)
}

/// How large the filesystem for an archive must be: whole groups, with room for the guest's own files to be edited and
/// for a journal on the smallest disk.
private func measure(
  _ tar: String, _ options: FilesystemOptions
) throws(Failure) -> (size: UInt64, contentBytes: UInt64) {
  let block = UInt64(options.blockSize)
  var blocks: UInt64 = 0
  var entries: UInt64 = 0
  var content: UInt64 = 0
  let archive = try TarArchive(tar)
  while let entry = try archive.next() {
    entries += 1
    guard entry.size <= options.largestSize else {
      throw Failure(.guest, "/\(entry.path) in the archive has \(entry.size) bytes, more than any disk that is made")
    }
    content = content.saturatingAdding(entry.size)
    blocks += (entry.size + block - 1) / block
    // A directory has a block of its own; a long link and large attributes have one too.
    if entry.kind != .file { blocks += 1 }
    // An index block of extents for each 340 extents of a fragmented file at the worst, pointer blocks without extents.
    blocks += entry.size / (block * (options.kind == .ext4 ? 340 : block / 4))
  }
  let journal = max(16 << 20, 1024 * block) / block
  blocks += blocks / 50 + journal
  let perGroup = options.groupSize / block
  let inodesPerGroup = max(options.groupSize / UInt64(options.inodeRatio), 8)
  let tables = inodesPerGroup * 256 / block + 3
  var groups: UInt64 = 1
  while !(groups * inodesPerGroup > entries + 64 && options.capacity(ofGroups: groups, tables: tables) > blocks) {
    groups += 1
    guard groups * perGroup * block <= options.largestSize else {
      throw Failure(.guest, "\(tar) needs more than \(options.largestSize) bytes, the most that this filesystem holds")
    }
  }
  return (groups * options.groupSize, content)
}
