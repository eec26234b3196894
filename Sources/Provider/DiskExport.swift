// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Dump
internal import Ext4
internal import Interface
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// The dump of a disk, as a worker writes it.
struct DiskExport: ~Copyable {
  let disk: Disk
  let output: Descriptor
  let compression: DumpWriter.Compression
  let workers: Int
  private let values: JSON

  /// The disk, the output, and where the host wants it the descriptor for the expected size.
  static let task = WorkerTask("export", .reader) { context throws(Failure) in
    try DiskExport(context).run(context)
    return nil
  }

  static func values(of request: Request, _ created: Timestamp, _ configuration: Configuration) -> JSON {
    let level: JSON =
      switch configuration.dumpCompression {
      case .none: nil
      case .zstd(let level): .integer(level)
      }
    return [
      "created": .number(UInt64(created.seconds)), "instance": .string(request.instance.text),
      "os": .string(request.os.name), "variant": .optional(request.variant), "level": level,
      "threads": .integer(configuration.workers),
    ]
  }

  private init(_ context: WorkerContext) throws(Failure) {
    let workers = Int(try context.values.number("threads"))
    let disk = try context.disk(0)
    output = try context.descriptor(1)
    self.workers = workers
    self.disk = disk
    values = context.values
    compression = values["level"]?.integer.map { .zstd(level: $0) } ?? .none
  }

  private borrowing func run(_ context: WorkerContext) throws(Failure) {
    let (steps, path) = (context.steps, disk.path)
    let source = try steps.step("find the used blocks of \(path)") { progress throws(Failure) in
      try UsedBlocks(of: disk, progress: progress)
    }
    var manifest = Manifest(
      program: "guestsmith \(programVersion)", created: try values.number("created"),
      instance: try values.text("instance"), os: try values.text("os"), variant: values["variant"]?.string,
      selection: source.selection, filesystems: source.filesystems, extents: source.extents)
    manifest.partitions = source.partitions
    let writer = try DumpWriter(manifest, source.extents, compression: compression, workers: workers)
    if context.count > 2 {
      announceSize(of: writer, manifest, source.extents, to: try context.descriptor(2), steps)
    }
    try write(writer, source.extents.used, steps)
  }

  private borrowing func write(_ writer: DumpWriter, _ used: UInt64, _ steps: Steps) throws(Failure) {
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
