// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Filesystems
internal import Glibc
internal import Images
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage

/// Images of qemu: spooled, since their content is in no order, and unpacked by qemu's own tool.
extension DiskRestoration {
  func receiveQcow2(_ stream: IncomingStream) throws(Failure) -> Received {
    let store = try configuration.imageStore()
    return try store.withScratch { folder throws(Failure) in
      let (path, raw) = ("\(folder)/disk.qcow2", "\(folder)/disk.raw")
      let image = try Qcow2Image(stream, at: path, for: disk)
      try steps.step("spool the qcow2 image") { progress throws(Failure) in
        let file = try Descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        let most = disk.mostSpooled
        try stream.eachPiece { bytes, _ throws(Failure) in
          guard stream.count <= most else { throw .tooSmall(disk, "the qcow2 image has at least", stream.count) }
          try file.writeAll(bytes)
          progress.advance(by: UInt64(bytes.count))
        }
        try file.close()
      }
      try steps.step("unpack the qcow2 image") { _ throws(Failure) in
        let allocated = try image.allocated()
        guard image.size <= disk.size || allocated <= disk.mostSpooled else {
          throw .tooSmall(disk, "the qcow2 image has", image.size, used: allocated)
        }
        try requireRoom(min(image.size, allocated), in: folder, for: "unpacking the image")
        try image.convert(to: raw) { file throws(Failure) in try disk.roomToSpool(in: file) }
        guard unlink(path) == 0 else { throw .system("remove", path) }
      }
      let type = try copy(try Disk(raw, for: .writing))
      guard let type, FilesystemKind(named: type).can.contains(.editFiles) else {
        return .other(type ?? "a disk without a filesystem of its own", of: nil)
      }
      return .filesystem(of: nil)
    }
  }
}
