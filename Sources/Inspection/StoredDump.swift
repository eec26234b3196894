// SPDX-License-Identifier: Apache-2.0
package import Dump
internal import Ext4
internal import Filesystems
internal import Glibc
internal import LinuxIO
package import Report
internal import Sources

/// What a dump says of itself, read from its beginning: a pipe or a dump that was cut off will do.
package struct DumpHead {
  package let manifest: Manifest
  package let extents: ExtentMap
  /// How other hands have packed it: `gzip`, `xz`, `bzip2`, `lz4`, `zstd`.
  package let packing: String?
  /// Bytes as it is stored; nil where it comes from a pipe.
  package let storedSize: UInt64?

  /// - Parameter path: `-` is standard input.
  package init(of path: String) throws(Failure) {
    let file = try DumpFile(path)
    let (reader, packing) = try file.reader()
    manifest = reader.manifest
    extents = reader.extents
    self.packing = packing
    storedSize = file.size
  }

  /// Which part of each cell of the disk is used, from 0 to 1, where the disk is cut into that many.
  package func usedShares(cells: Int) -> [Double] {
    var shares = [Double](repeating: 0, count: cells)
    let width = Double(manifest.diskSize) / Double(cells)
    for extent in extents {
      var begin = Double(extent.offset)
      let end = Double(extent.end)
      var cell = min(cells - 1, Int(begin / width))
      while begin < end, cell < cells {
        let part = min(end, Double(cell + 1) * width)
        shares[cell] += max(0, part - begin) / width
        begin = max(begin, part)
        cell += 1
      }
    }
    return shares.map { min(1, $0) }
  }
}

/// Checks a dump to its last byte, without a disk.
///
/// - Parameter path: `-` is standard input.
package func verifyDump(
  _ path: String, workers: Int, progress: StepProgress
) throws(Failure) -> (manifest: Manifest, summary: DumpSummary) {
  let (reader, _) = try DumpFile(path).reader()
  let manifest = reader.manifest
  progress.expect(manifest.used)
  var done: UInt64 = 0
  let summary = try reader.read(
    workers: workers,
    progress: { total in
      progress.advance(by: total - done)
      done = total
    }, extent: { _, _ in })
  return (manifest, summary)
}

/// A file with a dump in it, or what is on standard input.
struct DumpFile {
  let descriptor: SharedDescriptor
  let size: UInt64?

  init(_ path: String) throws(Failure) {
    let opened = path == "-" ? try StandardStream.input.open() : try Descriptor(path, O_RDONLY)
    let status = try opened.status()
    guard !status.isFolder else {
      throw Failure(.invalid, "\(path) is a directory", remedy: "name a file that export wrote")
    }
    size = status.isRegular ? UInt64(status.st_size) : nil
    descriptor = SharedDescriptor(opened)
  }

  /// The stream without what other hands packed it in, from where the descriptor stands.
  func unpacked() throws(Failure) -> (stream: IncomingStream, packing: String?) {
    let stream = IncomingStream(reading: descriptor)
    let packing = Packing(StreamKind(prefix: try stream.prefix(StreamKind.prefixLength)))
    // A dump is compressed already: it has not been made much smaller. Of one in a pipe the size is not known.
    let (inner, kind) = try stream.unpacked(to: size ?? 16 << 40)
    guard kind == .dump else {
      throw Failure(
        .dump, "\(descriptor.name) is not a dump of guestsmith",
        remedy: kind == .unknown || kind == .empty ? nil : "import takes it all the same, where it is a guest's disk")
    }
    return (inner, packing?.rawValue)
  }

  func reader() throws(Failure) -> (DumpReader, packing: String?) {
    let (stream, packing) = try unpacked()
    return (try DumpReader { buffer throws(Failure) in try stream.read(into: buffer) }, packing)
  }
}

/// A dump in a file, whose disk is read at any place without being restored.
package final class StoredDump {
  let path: String
  let index: DumpIndex

  /// One that other hands packed is unpacked into a file that is gone afterwards: it can't be read at any place as it is.
  package init(_ path: String, steps: Steps) throws(Failure) {
    self.path = path
    var file = try DumpFile(path)
    let beginning = IncomingStream(reading: file.descriptor)
    if Packing(StreamKind(prefix: try beginning.prefix(StreamKind.prefixLength))) != nil {
      file = try steps.step("unpack \(path)") { progress throws(Failure) in try Self.unpack(path, progress) }
    }
    guard let size = file.size else {
      throw Failure(
        .invalid, "\(path) is not a file", remedy: "name a file that export wrote; a pipe can't be searched")
    }
    let descriptor = file.descriptor
    index = try DumpIndex(size: size) { offset, buffer throws(Failure) in
      guard try descriptor.readFull(into: buffer, at: offset) == buffer.count else {
        throw Failure(.dump, "\(path) ends before byte \(offset + UInt64(buffer.count))")
      }
    }
  }

  /// Never to more than a dump of that disk takes, and only where there is room for it.
  private static func unpack(_ path: String, _ progress: StepProgress) throws(Failure) -> DumpFile {
    let head = try DumpFile(path).reader().0
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

extension DumpFile {
  fileprivate init(descriptor: SharedDescriptor, size: UInt64) {
    self.descriptor = descriptor
    self.size = size
  }
}
