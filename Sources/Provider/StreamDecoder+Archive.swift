// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Images
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage

/// Archives of files: they are written straight into a new filesystem on the disk, which has no superblock until all is
/// in it. No name in an archive ever is a name on this machine.
extension StreamDecoder {
  func restoreArchive(_ stream: IncomingStream, _ kind: StreamKind) throws(Failure) -> Received {
    var options = self.options
    // Which release it is, and so what its boot loader reads, is known only when it is unpacked.
    options.omitted = [.checksumSeed]
    try disk.refuseSectors(of: options)
    guard disk.size >= options.groupSize else { throw .tooSmall(disk, "a filesystem takes", options.groupSize) }
    let wiped = try disk.wipe(wipe, steps)
    let guest = GuestTree(try make(options, zeroed: wiped != .none), isInPlace: false)
    try steps.step(kind == .tar ? "fill the filesystem from the tar" : "fill the filesystem from the dump(8)") {
      progress throws(Failure) in
      let most = mostSpooled
      func read(_ buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        // What an entry replaces takes no room on the disk.
        guard stream.count <= most else {
          throw Failure(
            .dump,
            "\(stream.name) has more than \(Words.bytes(most)) for disk \(disk.path), which has "
              + "\(Words.bytes(disk.size)): what is in it replaces itself",
            remedy: "make the archive anew, of the guest as it is, or give the instance a larger disk")
        }
        return try stream.read(into: buffer)
      }
      let count =
        kind == .tar
        ? try guest.filesystem.fill(fromTar: stream.name, progress: progress, read: read)
        : try guest.filesystem.fill(from: try Dump8Reader(stream.name, source: read), progress: progress)
      try stream.drain(for: disk)
      progress.detail("\(count) files")
    }
    guard try guest.filesystem.find("/etc/passwd") != nil else {
      throw Failure(
        .guest, "the archive holds no root filesystem: it has no /etc/passwd",
        remedy: "make it in the root of the guest, as with tar -C ROOT -c .")
    }
    guest.filesystem.releaseDescriptorRoom(options)
    try guest.filesystem.grow(to: disk.size, options: options, zeroed: wiped != .none)
    try guest.commit()
    return .archive
  }

  private func make(_ options: FilesystemOptions, zeroed: Bool) throws(Failure) -> Filesystem {
    // Whole groups now; the rest, the journal and the room for growing come when the files are in.
    let size = min(disk.size, options.largestSize) / options.groupSize * options.groupSize
    return try Filesystem.format(Region(rootOf: disk), size: size, options: options, zeroed: zeroed)
  }
}
