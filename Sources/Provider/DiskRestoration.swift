// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Dump
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage

/// The restoration of what comes in to a disk.
struct DiskRestoration {
  let disk: Disk
  let configuration: Configuration
  let steps: Steps

  init(_ disk: Disk, _ configuration: Configuration, _ steps: Steps) {
    self.disk = disk
    self.configuration = configuration
    self.steps = steps
  }

  /// What was written to a disk.
  enum Received {
    /// An ext filesystem from the disk's first byte on, of the instance that the dump names.
    case filesystem(of: String?)
    /// Anything else; the word says what.
    case other(String)
  }

  /// Writes the disk that the stream holds: a dump, a raw disk or an image of qemu.
  func receive(_ stream: IncomingStream, _ kind: StreamKind) throws(Failure) -> Received {
    switch kind {
    case .dump: try receiveDump(try DumpReader { buffer throws(Failure) in try stream.read(into: buffer) })
    case .ext, .disk: try receiveRaw(stream)
    case .qcow2: try receiveQcow2(stream)
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
}
