// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage
internal import Worker

/// The restoration of what comes in to a disk.
struct DiskRestoration {
  let disk: Disk
  let configuration: Configuration
  let workers: Workers
  let steps: Steps

  init(_ disk: Disk, _ configuration: Configuration, _ workers: Workers, _ steps: Steps) {
    self.disk = disk
    self.configuration = configuration
    self.workers = workers
    self.steps = steps
  }

  /// Writes what the stream holds: a dump, a raw disk, an image of qemu or an archive of files.
  func receive(_ stream: IncomingStream, _ kind: StreamKind, orArchive: Bool) throws(Failure) -> Received {
    switch kind {
    case .dump, .ext: try receiveSpooling(stream, with: ["disk.raw"])
    case .qcow2: try receiveSpooling(stream, with: ["disk.raw", "disk.qcow2"])
    case .disk: try decode(stream)
    case .tar where orArchive, .dump8 where orArchive: try decode(stream)
    case .empty:
      throw Failure(
        .dump, "\(stream.name) is empty",
        remedy: "see the log of the export: one that fails before it begins leaves nothing")
    default:
      throw Failure(
        .dump, "\(stream.name) is not a known guest format: it starts with \(try Self.beginning(of: stream))",
        remedy: "import a dump of guestsmith or dump(8), a raw disk, a qcow2 image or a tar of a root filesystem, "
          + "as such or packed by gzip, xz, bzip2, lz4 or zstd")
    }
  }

  private static func beginning(of stream: IncomingStream) throws(Failure) -> String {
    let bytes = try stream.prefix(16)
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }

  private func decode(_ stream: IncomingStream) throws(Failure) -> Received {
    try Received(decode(stream, spools: [], noSpool: nil))
  }

  /// Has a worker write what is in the stream.
  func decode(_ stream: IncomingStream, spools: [DescriptorView], noSpool: Failure?) throws(Failure) -> JSON {
    var limits = ChildLimits.worker(streaming: disk.size, threads: configuration.workers)
    // A spool has the length of a filesystem that is to be made smaller, and most of that is holes.
    limits.fileSize = spools.isEmpty ? disk.size : .max
    limits.room = try spools.first.map { view throws(Failure) in try disk.roomToSpool(in: view) }
    disk.mark = .awaited
    let answer = try stream.run(
      StreamDecoder.task, StreamDecoder.values(configuration, noSpool: noSpool),
      [.disk(disk)] + spools.map { .stream($0) }, by: workers,
      limits, steps)
    disk.mark = try answer.flag("marked") ? .withheld : .written
    return answer
  }
}
