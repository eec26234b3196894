// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Dump
internal import Ext4
internal import Guest
internal import Interface
internal import LinuxIO
internal import Report
internal import Sources

/// What a guest is restored to.
struct ImportTarget {
  let root: Disk
  let swap: Disk?
  let name: InstanceName
  /// The network of the name, where that is static.
  let network: Network?
  /// Of the network interfaces, as far as the host tells.
  let macs: [String]
}

extension Provider {
  /// Restores a guest from what is on standard input, whatever that is, and makes it agree with its new name and disks.
  func restore(_ request: Request) throws(Failure) {
    guard request.disks.contains(where: { $0.role == .root }) else { return try restoreAsItWas(request) }
    let disks = try GuestDisks(request, configuration)
    let target = ImportTarget(
      root: disks.root, swap: disks.swap, name: request.instance, network: try staticNetwork(of: request),
      macs: request.nics.compactMap(\.mac))
    // A host may go on after an import that failed: nothing on the disk, not even what was there before, may be taken
    // for the guest.
    let view = disks.root.descriptor.view
    let token = Interrupts.onInterrupt { DiskHead.clear(of: view) }
    defer { token.cancel() }
    do {
      try disks.root.removeSignatures()
      if let fault = GuestName(request.instance.text).fault {
        steps.note("the guest is restored, but cannot call itself \(request.instance) when it runs: \(fault)")
      }
      let (stream, kind) = try IncomingStream.standardInput().unpacked(to: disks.root.size)
      if kind == .tar || kind == .dump8 {
        try restoreArchive(stream, kind, to: disks.root)
        try makeAgree(target, .archive)
        try confirm(target.root)
      } else {
        try adapt(receive(stream, kind, to: disks.root), target)
      }
    } catch {
      disks.root.spoil()
      throw error
    }
  }

  /// What was written to a disk.
  enum Received {
    /// An ext filesystem from the disk's first byte on, of the instance that the dump names.
    case filesystem(of: String?)
    /// Anything else; the word says what.
    case other(String)
  }

  /// Writes the disk that the stream holds to `disk`: a dump, a raw disk or an image of qemu.
  func receive(_ stream: IncomingStream, _ kind: StreamKind, to disk: Disk) throws(Failure) -> Received {
    switch kind {
    case .dump: try receiveDump(try DumpReader { buffer throws(Failure) in try stream.read(into: buffer) }, to: disk)
    case .ext, .disk: try receiveRaw(stream, to: disk)
    case .qcow2: try receiveQcow2(stream, to: disk)
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

  /// Makes a guest that was received as a disk agree with its name and disks.
  private func adapt(_ received: Received, _ target: ImportTarget) throws(Failure) {
    switch received {
    case .filesystem(let instance):
      let device = FilesystemDevice(descriptor: target.root.descriptor.raw, name: target.root.path)
      if let obstacle = Filesystem.obstacle(on: device) {
        try makeSwap(target, uuid: .random())
        return steps.note("the guest stays as it was, under its old name: \(obstacle.message)")
      }
      try grow(target.root)
      // A disk of zeros is no slower for it: these are holes that become holes.
      if configuration.diskWipe != .zero { try clearUnwritten(on: target.root) }
      try makeAgree(target, .disk(of: instance))
      try settle(target.root)
      try confirm(target.root)
    case .other(let what):
      try makeSwap(target, uuid: .random())
      steps.note("what was restored is \(what), whose guest stays as it was, under its old name")
    }
  }
}
