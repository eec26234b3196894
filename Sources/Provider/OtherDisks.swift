// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import Ext4
internal import Interface
internal import LinuxIO
internal import Report
internal import Sources

/// Disks after the first have no guest on them that would have to agree with anything: they are restored as they were.
extension Provider {
  /// Restores what is on standard input to a disk that is not the root.
  func restoreAsItWas(_ request: Request) throws(Failure) {
    guard let requested = request.disks.first else { throw Failure(.device, "the request names no disk") }
    let disk = try GuestDisks.open(requested)
    let view = disk.descriptor.view
    let token = Interrupts.onInterrupt { DiskHead.clear(of: view) }
    defer { token.cancel() }
    do {
      try disk.removeSignatures()
      let (stream, kind) = try IncomingStream.standardInput().unpacked(to: disk.size)
      _ = try receive(stream, kind, to: disk)
      // A swap area knows its size: it grows with its disk, and stays the one that the guest's fstab names.
      try SwapArea.grow(on: disk)
    } catch {
      disk.spoil()
      throw error
    }
  }
}
