// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// Images of VMware and Hyper-V, which qemu-img reads, confined as what works on a disk: it reaches the image and the disk, and
/// no file that the image may name.
extension DiskImage {
  /// Writes the disk in the image at `path` to `disk`, an empty file.
  func convert(
    _ path: String, _ kind: ImageFormat.Kind, to disk: borrowing Descriptor, _ limits: ChildLimits, _ steps: Steps
  ) throws(Failure) {
    let image = try Descriptor(path, O_RDONLY)
    if kind == .vmdk { try refuseParts(of: image) }
    let places = [
      try Confinement.Place(path, image, writable: false), try Confinement.Place(disk.name, disk, writable: true),
    ]
    let size = try size(path, kind, places, limits)
    try disk.setLength(size)
    let target = disk.name
    try steps.step("unpacking the disk") { progress throws(Failure) in
      progress.detail(Words.bytes(size))
      _ = try qemu(
        ["convert", "-n", "--target-is-zero", "-f", kind.rawValue, "-O", "raw", path, target], places, limits)
    }
  }

  private func size(
    _ path: String, _ kind: ImageFormat.Kind, _ places: [Confinement.Place], _ limits: ChildLimits
  ) throws(Failure) -> UInt64 {
    let said = try qemu(["info", "--output=json", "-f", kind.rawValue, path], places, limits)
    guard let size = (try? JSON(parsing: said))?["virtual-size"]?.integer, size > 0, UInt64(size) <= Self.largest else {
      throw Failure(
        .dump, "the disk in \(words) has no size that is taken: at most \(Words.bytes(Self.largest))")
    }
    return (UInt64(size) + 511) / 512 * 512
  }

  /// Returns what it said.
  private func qemu(
    _ arguments: [String], _ places: [Confinement.Place], _ limits: ChildLimits
  ) throws(Failure) -> [UInt8] {
    let output = try Descriptor(inMemory: "qemu-img's output")
    let errors = try Descriptor(inMemory: "qemu-img's words")
    var command = Command.ofSystem("qemu-img", arguments)
    command.output = .descriptor(output.view)
    command.error = .descriptor(errors.view)
    command.limits = limits
    command.confinement = Confinement(.checker, places)
    let status = try Command.needing("qemu-utils") { () throws(Failure) in try command.run() }
    guard status.isSuccess else {
      throw Failure(
        .dump,
        "\(words) can't be read: qemu-img \(status)\n  \(Command.lastLines(try errors.bytes(at: 0, count: 4096)))")
    }
    return try output.bytes(at: 0, count: 1 << 20)
  }

  /// Of an image of VMware only what is whole in one file is taken (VMware, Virtual Disk Format 1.1).
  private func refuseParts(of image: borrowing Descriptor) throws(Failure) {
    let header = try image.bytes(at: 0, count: 512)
    func number(_ place: Int) -> UInt64 { header[place..<place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    // KDMV, and a capacity: without one all that counts is in the text. qemu reads that in the second sector, whatever the header says.
    guard header.count == 512, header.starts(with: "KDMV".utf8), number(12) > 0, number(28) == 1 else {
      throw partsFailure
    }
    let bytes = try image.bytes(at: 512, count: 20 * 512)
    let text = String(decoding: bytes, as: UTF8.self)
    let type = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("createType=") }
    guard let type, ["createType=\"monolithicSparse\"", "createType=\"streamOptimized\""].contains(type),
      !bytes.contains("parentFileNameHint".utf8)
    else { throw partsFailure }
  }

  private var partsFailure: Failure {
    Failure(
      .dump, "\(words) is not a vmdk image that is whole in one file (monolithicSparse or streamOptimized)",
      remedy: "make it one with qemu-img convert -O vmdk -o subformat=streamOptimized, where its other files are")
  }
}
