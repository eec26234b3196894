// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Dump
internal import Ext4
internal import Images
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage
internal import Worker

/// What a stream holds, written by a worker to the disk that it is for, or to the spool where it has to be made smaller.
struct StreamDecoder {
  let disk: Disk
  let wipe: Wipe
  let options: FilesystemOptions
  let workers: Int
  let steps: Steps
  private let spool: DiskSpool
  /// Takes what comes of an image of qemu and can't go to its place yet.
  private let image: SharedDescriptor?

  /// The rest of the stream, what was looked at of it, the disk, where there is one the spool, and one more for an image of
  /// qemu.
  static let task = WorkerTask("restore", .decoder) { context throws(Failure) in
    let (stream, kind) = try context.stream()
    let decoder = try StreamDecoder(context)
    let received = try decoder.receive(stream, kind)
    return received.json(isSpooled: decoder.spool.isUsed, mark: decoder.disk.mark)
  }

  static func values(_ configuration: Configuration, noSpool: Failure?) -> JSON {
    [
      "wipe": .string(configuration.diskWipe.rawValue), "options": configuration.filesystemOptions.json,
      "threads": .integer(configuration.workers), "noSpool": noSpool?.json ?? nil,
    ]
  }

  private init(_ context: WorkerContext) throws(Failure) {
    let values = context.values
    disk = try context.disk(2)
    wipe = try Wipe(of: values)
    options = try FilesystemOptions(values["options"] ?? nil)
    workers = Int(try values.number("threads"))
    steps = context.steps
    spool = DiskSpool(
      context.count > 3 ? try context.descriptor(3) : nil, orFailure: values["noSpool"].flatMap { Failure($0) })
    image = context.count > 4 ? SharedDescriptor(try context.descriptor(4)) : nil
  }

  private func receive(_ stream: IncomingStream, _ kind: StreamKind) throws(Failure) -> Received {
    switch kind {
    case .dump: try receiveDump(try DumpReader { buffer throws(Failure) in try stream.read(into: buffer) })
    case .ext, .disk: try receiveRaw(stream)
    case .qcow2: try receiveQcow2(stream)
    case .tar, .dump8: try restoreArchive(stream, kind)
    default: throw Failure(.io, "\(stream.name) is not what it was")
    }
  }

  func imageSpool() throws(Failure) -> DescriptorView {
    guard let image else { throw spool.failure }
    return image.view
  }

  /// Runs `body` with the spool as a disk of `size` bytes, for `content` bytes to be written to.
  func withSpool(size: UInt64, content: UInt64, _ body: (Disk) throws(Failure) -> Void) throws(Failure) {
    try body(try spool.disk(size: size, content: content))
  }

  /// The most that is spooled for a disk, in bytes.
  var mostSpooled: UInt64 { disk.mostSpooled }
}

/// A sparse file in the cache that is used where a guest has to be made smaller.
private final class DiskSpool {
  private var file: Descriptor?
  /// Why there is none, where there is none.
  let failure: Failure
  private(set) var isUsed = false

  init(_ file: consuming Descriptor?, orFailure failure: Failure?) {
    self.file = file
    self.failure = failure ?? Failure(.io, "there is no spool")
  }

  func disk(size: UInt64, content: UInt64) throws(Failure) -> Disk {
    guard let file = file.take() else { throw failure }
    isUsed = true
    let folder = file.name.split(separator: "/").dropLast().map { "/\($0)" }.joined()
    try requireRoom(content, of: try file.freeBytes(), in: folder, for: "making the guest smaller")
    try file.setLength(size)
    return Disk(handedOver: file, size: size, sectorSize: 1, isBlockDevice: false)
  }
}

extension Disk {
  /// The most that is spooled for it, in bytes: what it holds, and an eighth and 64 MiB for how that is packed or
  /// described.
  var mostSpooled: UInt64 { size + size / 8 + (64 << 20) }

  /// For that in a file, and what the file's own filesystem needs to keep it.
  func roomToSpool(in file: DescriptorView) throws(Failure) -> ChildLimits.Room {
    try .init(file, most: mostSpooled + (64 << 20))
  }
}
