// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Filesystems
internal import Layout
package import LinuxIO
package import Report
internal import Storage

/// A dump in a file, whose disk is read at any place without being restored; for a worker.
package final class StoredDump {
  let path: String
  let index: DumpIndex
  private let partition: Int?

  /// - Parameter partition: the number of the one to look into; nil is that of the root filesystem.
  package init(_ file: consuming Descriptor, partition: Int?) throws(Failure) {
    let path = file.name
    self.partition = partition
    self.path = path
    let size = try file.length()
    let descriptor = SharedDescriptor(file)
    index = try DumpIndex(size: size) { offset, buffer throws(Failure) in
      guard try descriptor.readFull(into: buffer, at: offset) == buffer.count else {
        throw Failure(.dump, "\(path) ends before byte \(offset + UInt64(buffer.count))")
      }
    }
  }

  /// The guest's filesystem: that of the partition that was asked for, or the root filesystem.
  func filesystem(steps: Steps) throws(Failure) -> Filesystem {
    let filesystem = try open(place())
    if filesystem.needsRecovery {
      steps.note("\(path) was taken while the guest ran: what only its journal holds is not seen before a restoration")
    }
    return filesystem
  }

  private func place() throws(Failure) -> ByteRange {
    let (size, types) = (index.manifest.diskSize, index.manifest.filesystems)
    let isWhole = types.contains { $0.offset == 0 && FilesystemKind(named: $0.type).can.contains(.editFiles) }
    let source = TableSource(path, size: size, sectorSize: nil) { [self] range throws(Failure) in try bytes(in: range) }
    if isWhole, partition == nil {
      // A table that has partitions says what is on the disk, whatever superblock is left before the first of them.
      guard try PartitionTable.believed(source) != nil else { return ByteRange(offset: 0, length: size) }
    }
    guard let table = try PartitionTable.read(source)?.table else {
      if let partition {
        throw Failure(.usage, "\(path) has no partition \(partition): the disk in it has no partition table")
      }
      throw holdsNone(types.map(\.type).joined(separator: ", "))
    }
    let disk = try PartitionedDisk(path, table) { range throws(Failure) in
      try bytes(in: range)
    } _: { [self] range throws(Failure) in
      try open(range)
    }
    let chosen = if let partition { try disk.partition(partition) } else { try disk.root() }
    guard chosen.isExt else {
      throw holdsNone("\(chosen.filesystem ?? "nothing that is known") in partition \(chosen.number)")
    }
    return chosen.range
  }

  private func holdsNone(_ other: String) -> Failure {
    Failure(
      .guest, "\(path) holds no ext2, ext3 or ext4 filesystem\(other.isEmpty ? "" : ", but \(other)")",
      remedy: "restore it to a disk and mount that")
  }

  private func open(_ range: ByteRange) throws(Failure) -> Filesystem {
    let index = index
    return try Filesystem(opening: path, range) { offset, buffer throws(Failure) in
      try index.read(at: offset, into: buffer)
    }
  }

  private func bytes(in range: ByteRange) throws(Failure) -> [UInt8] {
    try [UInt8](upTo: Int(range.length)) { buffer throws(Failure) in
      try index.read(at: range.offset, into: buffer)
      return buffer.count
    }
  }
}
