// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Dump
internal import Ext4
internal import Glibc
internal import Guest
internal import Interface
internal import LinuxIO
internal import Report

extension Provider {
  /// Restores a guest from the dump on standard input and makes it agree with its new name and disks.
  func restore(_ request: Request) throws {
    guard request.disks.contains(where: { $0.role == .root }) else { return try restoreAsItWas(request) }
    let disks = try GuestDisks(request, configuration)
    let network = try staticNetwork(of: request)
    do {
      try restore(standardInput(), to: disks, as: request.instance, network)
    } catch {
      // A host may go on after an import that failed: nothing on the disk, not even what was there before, may be taken
      // for the guest.
      disks.root.spoil()
      throw error
    }
  }

  func standardInput() throws(Failure) -> DumpReader {
    try DumpReader { buffer throws(Failure) in
      let count = retrying { read(STDIN_FILENO, buffer.baseAddress, buffer.count) }
      guard count >= 0 else { throw .system("read", "standard input") }
      return count
    }
  }

  private func restore(
    _ reader: DumpReader, to disks: GuestDisks, as name: InstanceName, _ network: Network?
  ) throws {
    try refuseSmall(disks.root, for: reader.manifest)
    try write(reader, to: disks.root)
    let swapUUID = disks.swap == nil ? nil : FilesystemUUID.random()
    if let swap = disks.swap, let swapUUID {
      try steps.step("make swap on \(swap.path)") { progress in
        _ = try swap.wipe(configuration.diskWipe, progress: progress)
        try SwapArea.make(on: swap, uuid: swapUUID)
      }
    }
    guard reader.manifest.filesystems.contains(where: { $0.offset == 0 && $0.type.hasPrefix("ext") }) else {
      steps.note("the dump holds no ext filesystem, so its guest was restored as it was, under its old name")
      return
    }
    try grow(disks.root)
    try steps.step("make the guest agree with \(name)") { _ in
      try reidentify(disks.root, as: name, swapUUID: swapUUID, network: network)
    }
  }

  func refuseSmall(_ disk: Disk, for manifest: Manifest) throws(Failure) {
    guard disk.size < manifest.diskSize else { return }
    throw Failure(
      .device,
      "disk \(disk.path) has \(Words.bytes(disk.size)) (\(disk.size) bytes), too small: the dumped disk had "
        + "\(Words.bytes(manifest.diskSize)) (\(manifest.diskSize) bytes)",
      remedy: "give the instance a disk of at least that size")
  }

  /// Writes the dump's extents; the disk's first bytes last of all, when everything else is on it and the dump was
  /// right to its end.
  func write(_ reader: DumpReader, to disk: Disk) throws {
    let wiped = try steps.step("wipe \(disk.path)") { try disk.wipe(configuration.diskWipe, progress: $0) }
    let manifest = reader.manifest
    if wiped == .none, manifest.selection != .usedBlocks {
      // What the dump does not hold is zero on the disk that it was made of.
      try steps.step("clear what the dump does not hold") { _ in
        var end: UInt64 = 0
        for extent in reader.extents {
          if extent.offset > end { try disk.clear(ByteSpan(offset: end, length: extent.offset - end)) }
          end = extent.end
        }
        if end < disk.size { try disk.clear(ByteSpan(offset: end, length: disk.size - end)) }
      }
    }
    var head = HeldBackHead()
    let view = disk.descriptor.view
    let workers = configuration.workers
    try steps.step("restore \(manifest.instance)") { progress in
      progress.expect(manifest.used)
      var done: UInt64 = 0
      let summary = try reader.read(
        workers: workers,
        progress: { total in
          progress.advance(by: total - done)
          done = total
        },
        extent: { offset, bytes throws(Failure) in try head.write(bytes, at: offset, to: view) })
      progress.detail("\(Words.bytes(manifest.used)) from \(Words.bytes(summary.stored))")
      try disk.descriptor.flush()
      try head.finish(on: view)
      try disk.descriptor.flush()
    }
  }

  /// Recovers, checks and enlarges the restored filesystem.
  private func grow(_ disk: Disk) throws {
    let path = disk.path
    try steps.step("check and grow the filesystem") { _ in
      let (status, output) = try disk.withoutClaim { () throws(Failure) in
        try Command.e2fsck("-fp", path).capture(limit: 16 << 10)
      }
      guard status == .exited(0) || status == .exited(1) else {
        throw Failure(.guest, "the restored filesystem has errors; e2fsck says: \(Self.lastLines(output))")
      }
      let (resized, words) = try disk.withoutClaim { () throws(Failure) in
        try Command.resize2fs(path).capture(limit: 16 << 10)
      }
      guard resized.isSuccess else {
        throw Failure(.guest, "the restored filesystem can't be grown; resize2fs says: \(Self.lastLines(words))")
      }
    }
  }

  private func reidentify(
    _ disk: Disk, as name: InstanceName, swapUUID: FilesystemUUID?, network: Network?
  ) throws(Failure) {
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path)
    let filesystem = try Filesystem(opening: device, writable: true)
    let (oldUUID, uuid) = (filesystem.uuid, FilesystemUUID.random())
    try filesystem.beginChanging()
    filesystem.setIdentity(uuid: uuid)
    // What follows is written whether or not a file changes: the UUID has.
    let guest = GuestTree(filesystem, isInPlace: false)
    let outcome = try Restoration(
      name: GuestName(name.text), oldRootUUID: oldUUID.description, rootUUID: uuid.description,
      swapUUID: swapUUID?.description, network: network
    ).apply(to: guest)
    try guest.commit()
    if outcome.keptSSHHostKeys { steps.note("the guest has nothing that makes ssh host keys: it keeps those it had") }
  }
}

/// The first bytes of a disk, where every filesystem and partition table begins: written when all else is.
private struct HeldBackHead {
  private static let size = 1 << 20
  private var parts: [(offset: UInt64, bytes: [UInt8])] = []

  mutating func write(
    _ bytes: UnsafeRawBufferPointer, at offset: UInt64, to disk: DescriptorView
  ) throws(Failure) {
    guard offset < UInt64(Self.size) else { return try disk.writeAll(bytes, at: offset) }
    let held = min(bytes.count, Self.size - Int(offset))
    parts.append((offset, Array(bytes[..<held])))
    if held < bytes.count {
      try disk.writeAll(UnsafeRawBufferPointer(rebasing: bytes[held...]), at: UInt64(Self.size))
    }
  }

  func finish(on disk: DescriptorView) throws(Failure) {
    for part in parts {
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: part.bytes.count, alignment: 1)
      defer { copy.deallocate() }
      copy.copyBytes(from: part.bytes)
      try disk.writeAll(UnsafeRawBufferPointer(copy), at: part.offset)
    }
  }
}
