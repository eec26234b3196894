// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Glibc
package import LinuxIO
package import Report
internal import Sources
package import Worker

/// A file with a dump in it, or what is on standard input. What is in it is read by workers.
package struct DumpFile {
  let descriptor: SharedDescriptor
  let size: UInt64?

  /// - Parameter path: `-` is standard input.
  package init(_ path: String) throws(Failure) {
    let opened = path == "-" ? try StandardStream.input.open() : try Descriptor(path, O_RDONLY)
    let status = try opened.status()
    guard !status.isFolder else {
      throw Failure(.invalid, "\(path) is a directory", remedy: "name a file that export wrote")
    }
    self.init(descriptor: SharedDescriptor(opened), size: status.isRegular ? UInt64(status.st_size) : nil)
  }

  private init(descriptor: SharedDescriptor, size: UInt64?) {
    self.descriptor = descriptor
    self.size = size
  }

  /// One that can be read at any place. One that other hands packed is unpacked into a file that is gone afterwards.
  package init(searching path: String, _ workers: Workers, _ steps: Steps) throws(Failure) {
    var file = try DumpFile(path)
    let beginning = IncomingStream(reading: file.descriptor)
    if Packing(StreamKind(prefix: try beginning.prefix(StreamKind.prefixLength))) != nil {
      try Self.refuseReadingOnce(path, called: file.descriptor.name)
      file = try steps.step("unpack \(path)") { progress throws(Failure) in
        try Self.unpack(path, workers, progress)
      }
    }
    guard file.size != nil else {
      throw Failure(
        .invalid, "\(path) is not a file", remedy: "name a file that export wrote; a pipe can't be searched")
    }
    self = file
  }

  /// Refuses what can't be opened once more to be read from its beginning, as unpacking takes it.
  private static func refuseReadingOnce(_ path: String, called name: String) throws(Failure) {
    let status = examine(path).status
    guard path == "-" || !(status.isRegular || status.isBlockDevice) else { return }
    throw Failure(
      .invalid, "\(name) is packed, and only a file that is named can be unpacked",
      remedy: "name a file that export wrote; a pipe can't be searched")
  }

  /// For a task that makes a `StoredDump` of it.
  package var handedOver: WorkerDescriptor { .stream(descriptor.view) }

  /// The limits of such a task.
  package var limits: ChildLimits { .worker(streaming: size ?? 0, threads: 1) }

  /// The stream without what other hands packed it in, from where the descriptor stands.
  func unpacked() throws(Failure) -> (stream: IncomingStream, packing: String?) {
    let stream = IncomingStream(reading: descriptor)
    let packing = Packing(StreamKind(prefix: try stream.prefix(StreamKind.prefixLength)))
    // A dump without compression of its own may have been made much smaller.
    let (inner, kind) = try stream.unpacked(to: size.map { max($0, 1 << 40) } ?? 16 << 40)
    guard kind == .dump else {
      throw Failure(
        .dump, "\(descriptor.name) is not a dump of guestsmith",
        remedy: kind == .unknown || kind == .empty ? nil : "import takes it all the same, where it is a guest's disk")
    }
    return (inner, packing?.rawValue)
  }

  /// Never to more than a dump of that disk takes, and only where there is room for it.
  private static func unpack(
    _ path: String, _ workers: Workers, _ progress: StepProgress
  ) throws(Failure) -> DumpFile {
    let head = try DumpHead(of: path, by: workers)
    let most = head.longestStored
    func eachPiece(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) -> UInt64 {
      let (stream, _) = try DumpFile(path).unpacked()
      try stream.eachPiece { bytes, _ throws(Failure) in
        guard stream.count <= most else {
          throw Failure(
            .dump,
            "\(path) unpacks to more than \(Words.bytes(most)), the most that a dump of \(Words.bytes(head.manifest.used)) "
              + "takes", remedy: "take another copy of the dump, or export again")
        }
        try body(bytes)
      }
      return stream.count
    }
    let file = try Descriptor(temporary: path)
    let free = try file.freeBytes()
    // Where there may not be room, it is measured first.
    let needed = free > most ? 0 : try eachPiece { _ in }
    guard free > needed else {
      throw Failure(
        .space, "\(temporaryFolder) has \(Words.bytes(free)) free, and \(path) unpacks to \(Words.bytes(needed))",
        remedy: "make room, or name another folder in TMPDIR")
    }
    let size = try eachPiece { bytes throws(Failure) in
      try file.writeAll(bytes)
      progress.advance(by: UInt64(bytes.count))
    }
    return DumpFile(descriptor: SharedDescriptor(file), size: size)
  }
}
