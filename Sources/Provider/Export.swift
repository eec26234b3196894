// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Dump
internal import Ext4
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Report

extension Provider {
  /// Writes a dump of the disk that the request is about to standard output; the disk is only read.
  func export(_ request: Request) throws(Failure) {
    guard let requested = request.disks.first else { throw Failure(.device, "the request names no disk") }
    let path = try GuestDisks.path(of: requested)
    let output = try StandardStream.output.open()
    guard isatty(output.raw) == 0 else {
      throw Failure(
        .usage, "standard output is a terminal, and a dump is not text", remedy: "send it to a file or a pipe")
    }
    let disk = try Disk(path, for: .reading)
    let source = try steps.step("find the used blocks of \(path)") { progress throws(Failure) in
      try UsedBlocks(of: disk, progress: progress)
    }
    let manifest = Manifest(
      program: "guestsmith \(programVersion)", created: UInt64(time(nil)), instance: request.instance.text,
      os: request.os.name, variant: request.variant,
      selection: source.selection, filesystems: source.filesystems, extents: source.extents)
    let writer = try DumpWriter(
      manifest, source.extents, compression: configuration.dumpCompression, workers: configuration.workers)
    if let descriptor = request.sizeDescriptor {
      announceSize(of: writer, manifest, source.extents, of: disk, to: descriptor)
    }
    let (view, size) = (disk.descriptor.view, disk.size)
    try steps.step("dump \(path)") { progress throws(Failure) in
      progress.expect(source.extents.used)
      var done: UInt64 = 0
      let summary = try writer.write(
        read: { offset, buffer throws(Failure) in
          let count = try view.readFull(into: buffer, at: offset)
          guard count == buffer.count else {
            throw Failure(.io, "\(view.name) ends at byte \(offset + UInt64(count)); it had \(size) bytes before")
          }
        },
        sink: { bytes throws(Failure) in try output.writeAll(bytes) },
        progress: { total in
          progress.advance(by: total - done)
          done = total
        })
      progress.detail("\(Words.bytes(summary.content)) in \(Words.bytes(summary.stored))")
    }
    try output.close()
  }
}
