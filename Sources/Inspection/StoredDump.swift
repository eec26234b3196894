// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Filesystems
package import LinuxIO
package import Report

/// A dump in a file, whose disk is read at any place without being restored; for a worker.
package final class StoredDump {
  let path: String
  let index: DumpIndex

  package init(_ file: consuming Descriptor) throws(Failure) {
    let path = file.name
    self.path = path
    let size = try file.length()
    let descriptor = SharedDescriptor(file)
    index = try DumpIndex(size: size) { offset, buffer throws(Failure) in
      guard try descriptor.readFull(into: buffer, at: offset) == buffer.count else {
        throw Failure(.dump, "\(path) ends before byte \(offset + UInt64(buffer.count))")
      }
    }
  }

  /// The guest's filesystem: the first ext2, ext3 or ext4 on the disk.
  func filesystem(steps: Steps) throws(Failure) -> Filesystem {
    let found = index.manifest.filesystems
    guard let place = found.first(where: { FilesystemKind(named: $0.type).can.contains(.editFiles) }) else {
      let types = found.map(\.type).joined(separator: ", ")
      throw Failure(
        .guest, "\(path) holds no ext2, ext3 or ext4 filesystem\(types.isEmpty ? "" : ", but \(types)")",
        remedy: "restore it to a disk and mount that")
    }
    let index = index
    guard place.offset < index.manifest.diskSize else {
      throw Failure(.dump, "\(path) says that a filesystem begins at byte \(place.offset), behind the end of its disk")
    }
    let range = ByteRange(offset: place.offset, length: index.manifest.diskSize - place.offset)
    let filesystem = try Filesystem(opening: path, range) { offset, buffer throws(Failure) in
      try index.read(at: offset, into: buffer)
    }
    if filesystem.needsRecovery {
      steps.note("\(path) was taken while the guest ran: what only its journal holds is not seen before a restoration")
    }
    return filesystem
  }
}
