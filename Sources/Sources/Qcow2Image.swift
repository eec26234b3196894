// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxIO
package import Report
package import Storage

/// An image of qemu in a file, read by qemu's own tool: its content is in no order.
package struct Qcow2Image {
  /// Of the disk in it, in bytes, as the image says.
  package let size: UInt64
  private let path: String
  /// Where it is to go; the tool's limits are for a disk of that size.
  private let disk: Disk

  /// The image that `stream` begins with, before the rest of it is in the file at `path`.
  ///
  /// - Throws: `.dump` for one that is of another version, is encrypted, or has a part of its content elsewhere.
  package init(_ stream: IncomingStream, at path: String, for disk: Disk) throws(Failure) {
    let header = try stream.prefix(104)
    try Self.refuseForeign(header: header, of: stream.name)
    size = Self.number(in: header, 24, 8)
    self.path = path
    self.disk = disk
  }

  /// The size in bytes of a new image with the same content: what is allocated, and nothing else.
  ///
  /// - Throws: `.dump` where the image is damaged.
  package func allocated() throws(Failure) -> UInt64 {
    // 3: clusters that nobody uses, which is not damage (qemu-img(1)).
    try run("check", ["-q", "-f", "qcow2", path], passes: [0, 3])
    let measured = try run("measure", ["--output=json", "-f", "qcow2", "-O", "qcow2", path])
    guard let bytes = (try? JSON(parsing: measured))?["required"]?.integer else {
      throw Failure(.tool, "qemu-img measure tells no size of \(path)")
    }
    return UInt64(clamping: bytes)
  }

  /// Writes the disk in it to a new file.
  ///
  /// - Parameter room: what that may take of its filesystem, whatever the image says of itself.
  package func convert(
    to raw: String, in room: (DescriptorView) throws(Failure) -> ChildLimits.Room
  ) throws(Failure) {
    // The tool can make no files where it runs.
    let disk = try Descriptor(raw, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    try disk.setLength(size)
    let place = try Confinement.Place(raw, disk, writable: true)
    try run(
      "convert", ["-n", "--target-is-zero", "-f", "qcow2", "-O", "raw", path, raw], places: [place],
      room: room(disk.view))
  }

  /// Returns what qemu-img said.
  @discardableResult
  private func run(
    _ verb: String, _ arguments: [String], passes: [Int32] = [0], places: [Confinement.Place] = [],
    room: ChildLimits.Room? = nil
  )
    throws(Failure) -> [UInt8]
  {
    var output: [UInt8] = []
    let status = try Command.needing("qemu-utils") { () throws(Failure) in
      var command = Command.ofSystem("qemu-img", [verb] + arguments)
      var limits = ChildLimits.disk(of: disk.size).threaded
      limits.fileSize = max(disk.size, size)
      limits.room = room
      command.limits = limits
      let image = try Confinement.Place(path, try Descriptor(path, O_RDONLY), writable: false)
      command.confinement = Confinement(.checker, [image] + places)
      let said = try command.capture(on: disk)
      output = said.output
      return said.status
    }
    guard case .exited(let code) = status, passes.contains(code) else {
      throw Failure(
        .dump, "the qcow2 image can't be read; qemu-img \(verb) says: \(Command.lastLines(output))",
        remedy: "take a whole copy of it")
    }
    return output
  }

  /// Zero where the header does not reach so far.
  private static func number(in header: [UInt8], _ offset: Int, _ width: Int) -> UInt64 {
    guard offset + width <= header.count else { return 0 }
    return header[offset..<offset + width].reduce(0) { $0 << 8 | UInt64($1) }
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
