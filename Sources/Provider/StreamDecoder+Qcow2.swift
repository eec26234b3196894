// SPDX-License-Identifier: Apache-2.0
internal import Filesystems
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage

/// Images of qemu: their clusters go to their place on the disk.
extension StreamDecoder {
  func receiveQcow2(_ stream: IncomingStream) throws(Failure) -> Received {
    var image = try Qcow2Image(stream, spool: imageSpool(), largest: disk.size)
    var target = disk
    if image.size <= disk.size {
      // What the image does not hold is zero.
      if try disk.wipe(wipe, steps) == .none { try disk.clear(ByteRange(offset: 0, length: disk.size)) }
      var filling = DiskFilling(disk, isZeroed: true)
      try receive(&image, stream, &filling)
      try unpack(image, stream, &filling)
    } else {
      // None goes early where it is not known yet whether all will fit.
      var none = DiskFilling(disk, isZeroed: true)
      try receive(&image, stream, &none)
      let content = try image.kept(of: stream.count)
      guard content <= mostSpooled else { throw .tooSmall(disk, "the qcow2 image has", image.size, used: content) }
      try withSpool(size: image.size, content: content) { spool throws(Failure) in
        target = spool
        var filling = DiskFilling(spool, isZeroed: true)
        try unpack(image, stream, &filling)
      }
    }
    let type = try target.contents().first { $0.offset == 0 }?.type
    guard let type, FilesystemKind(named: type).can.contains(.editFiles) else {
      return .other(type ?? "a disk without a filesystem of its own", of: nil)
    }
    return .filesystem(of: nil)
  }

  private func receive(
    _ image: inout Qcow2Image, _ stream: IncomingStream, _ filling: inout DiskFilling
  ) throws(Failure) {
    try steps.step("receive the qcow2 image") { progress throws(Failure) in
      let most = mostSpooled
      try stream.eachPiece { bytes, offset throws(Failure) in
        guard stream.count <= most else { throw .tooSmall(disk, "the qcow2 image has at least", stream.count) }
        try image.take(bytes, at: offset) { bytes, place throws(Failure) in
          try filling.writeSparsely(bytes, at: place)
        }
        progress.advance(by: UInt64(bytes.count))
      }
    }
  }

  private func unpack(
    _ image: Qcow2Image, _ stream: IncomingStream, _ filling: inout DiskFilling
  ) throws(Failure) {
    try steps.step("unpack the qcow2 image") { progress throws(Failure) in
      try image.finish(length: stream.count, threads: workers) { bytes, place throws(Failure) in
        try filling.writeSparsely(bytes, at: place)
        progress.advance(by: UInt64(bytes.count))
      }
      try filling.finish()
    }
  }
}
