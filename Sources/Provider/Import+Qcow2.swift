// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Glibc
internal import Images
internal import LinuxIO
internal import Report

/// Images of qemu: spooled, since their content is in no order, and unpacked by qemu's own tool.
extension Provider {
  func receiveQcow2(_ stream: IncomingStream, to disk: Disk) throws(Failure) -> Received {
    let header = try stream.prefix(104)
    try Self.refuseForeign(header: header, of: stream.name)
    let size = Self.number(in: header, 24, 8)
    let store = try configuration.imageStore()
    return try store.withScratch { folder in
      let (image, raw) = ("\(folder)/disk.qcow2", "\(folder)/disk.raw")
      try steps.step("spool the qcow2 image") { progress throws(Failure) in
        let file = try Descriptor(image, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        let most = Self.mostSpooled(for: disk)
        try stream.eachPiece { bytes, _ throws(Failure) in
          guard stream.count <= most else { throw Self.tooSmall(disk, "the qcow2 image has at least", stream.count) }
          try file.writeAll(bytes)
          progress.advance(by: UInt64(bytes.count))
        }
        try file.close()
      }
      try steps.step("unpack the qcow2 image") { _ throws(Failure) in
        // 3: clusters that nobody uses, which is not damage (qemu-img(1)).
        try run(["check", "-q", "-f", "qcow2", image], for: disk, size, passes: [0, 3])
        // The size of a new image, which holds what is allocated and nothing else.
        let measured = try run(
          ["measure", "--output=json", "-f", "qcow2", "-O", "qcow2", image], for: disk, size, passes: [0])
        guard let needed = (try? JSON(parsing: measured))?["required"]?.integer.map({ UInt64(clamping: $0) }) else {
          throw Failure(.tool, "qemu-img measure tells no size of \(image)")
        }
        guard size <= disk.size || needed <= Self.mostSpooled(for: disk) else {
          throw Self.tooSmall(disk, "the qcow2 image has", size, used: needed)
        }
        try requireRoom(min(size, needed), in: folder, to: "unpack the image")
        try run(["convert", "-f", "qcow2", "-O", "raw", image, raw], for: disk, size, passes: [0])
        guard unlink(image) == 0 else { throw Failure.system("remove", image) }
      }
      let spool = try Disk(raw, for: .writing)
      let content = try spool.contents().first { $0.offset == 0 }
      try copy(spool, to: disk)
      guard let type = content?.type, type.hasPrefix("ext") else {
        return .other(content?.type ?? "a disk without a filesystem of its own")
      }
      return .filesystem(of: nil)
    }
  }

  /// Returns what it said.
  ///
  /// - Parameter size: what the image says that its disk has, in bytes.
  @discardableResult
  private func run(
    _ arguments: [String], for disk: Disk, _ size: UInt64, passes: [Int32]
  ) throws(Failure) -> [UInt8] {
    let (status, output) = try Command.needing("qemu-utils") { () throws(Failure) in
      var command = Command.ofSystem("qemu-img", arguments)
      var limits = ChildLimits.disk(of: disk.size).threaded
      limits.fileSize = max(disk.size, size)
      command.limits = limits
      let (status, output) = try command.capture(on: disk)
      return Said(status: status, output: output)
    }.values
    guard case .exited(let code) = status, passes.contains(code) else {
      throw Failure(
        .dump, "the qcow2 image can't be read; qemu-img \(arguments[0]) says: \(Self.lastLines(output))",
        remedy: "take a whole copy of it")
    }
    return output
  }

  /// Zero where the header does not reach so far.
  private static func number(in header: [UInt8], _ offset: Int, _ width: Int) -> UInt64 {
    guard offset + width <= header.count else { return 0 }
    return header[offset..<offset + width].reduce(0) { $0 << 8 | UInt64($1) }
  }

  private struct Said {
    let status: ExitStatus
    let output: [UInt8]
    var values: (ExitStatus, [UInt8]) { (status, output) }
  }

  /// An image whose content is in other files would have qemu read whatever file of the host it names (qemu,
  /// docs/interop/qcow2.txt).
  private static func refuseForeign(header: [UInt8], of name: String) throws(Failure) {
    func number(_ offset: Int, _ width: Int) -> UInt64 { Self.number(in: header, offset, width) }
    let version = number(4, 4)
    guard header.count >= 72, version == 2 || version == 3 else {
      throw Failure(.dump, "\(name) is a qcow image of version \(version); versions 2 and 3 are imported")
    }
    let hasDataFile = version == 3 && number(72, 8) & 4 != 0
    guard number(8, 8) == 0, !hasDataFile else {
      throw Failure(
        .dump, "\(name) is a qcow2 image of which a part is in another file",
        remedy: "make it whole with qemu-img convert -O qcow2, where that file is")
    }
    guard number(32, 4) == 0 else {
      throw Failure(.dump, "\(name) is an encrypted qcow2 image", remedy: "decrypt it with qemu-img convert")
    }
  }
}
