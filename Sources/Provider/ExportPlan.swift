// SPDX-License-Identifier: Apache-2.0
package import Configuration
internal import Dump
internal import Ext4
package import Interface
internal import LinuxIO
package import Report
internal import Storage

/// Writes a dump of the disk that the request is about; the disk is only read.
package struct ExportPlan: Plan, ~Copyable {
  let configuration: Configuration
  private let request: Request
  private let disk: Disk
  private let output: Descriptor
  private let created: Timestamp

  package init(
    _ request: Request, _ configuration: Configuration, _ surroundings: Surroundings
  ) throws(Failure) {
    guard let requested = request.disks.first else { throw Failure(.device, "the request names no disk") }
    let path = try GuestDisks.path(of: requested)
    let output = try surroundings.output()
    let disk = try Disk(path, for: .reading)
    self.output = output
    self.disk = disk
    created = surroundings.now()
    self.request = request
    self.configuration = configuration
  }

  package var lines: [String] {
    ["write a dump of \(disk.words), of \(request.instance), to standard output"]
  }

  package consuming func apply(_ steps: Steps) throws(Failure) {
    let path = disk.path
    let source = try steps.step("find the used blocks of \(path)") { progress throws(Failure) in
      try UsedBlocks(of: disk, progress: progress)
    }
    let manifest = Manifest(
      program: "guestsmith \(programVersion)", created: UInt64(created.seconds), instance: request.instance.text,
      os: request.os.name, variant: request.variant,
      selection: source.selection, filesystems: source.filesystems, extents: source.extents)
    let writer = try DumpWriter(
      manifest, source.extents, compression: configuration.dumpCompression, workers: configuration.workers)
    if let descriptor = request.sizeDescriptor {
      announceSize(of: writer, manifest, source.extents, of: disk, to: descriptor, steps)
    }
    try write(writer, source.extents.used, steps)
    try output.close()
  }

  private func write(_ writer: DumpWriter, _ used: UInt64, _ steps: Steps) throws(Failure) {
    let (view, size) = (disk.descriptor.view, disk.size)
    try steps.step("dump \(disk.path)") { progress throws(Failure) in
      progress.expect(used)
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
  }
}
