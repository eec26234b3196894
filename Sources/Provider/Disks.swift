// SPDX-License-Identifier: Apache-2.0
internal import Interface
internal import LinuxIO
internal import Report

/// The disks of a request, opened for writing, found fit and locked: nothing was written yet.
struct GuestDisks {
  let root: Disk
  let swap: Disk?

  init(_ request: Request) throws(Failure) {
    guard let rootPath = request.root else { throw Failure(.device, "the request names no root disk") }
    if let swapPath = request.swap, Disk.areSame(rootPath, swapPath) {
      throw Failure(
        .device, "the root disk \(rootPath) and the swap disk \(swapPath) are the same disk",
        remedy: "name two disks")
    }
    let root = try Disk(rootPath, for: .writing)
    let swap = try request.swap.map { path throws(Failure) in try Disk(path, for: .writing) }
    if let swap, swap.size < SwapArea.smallest {
      throw Failure(
        .device,
        "the swap disk \(swap.path) has \(Words.bytes(swap.size)), too small: it needs "
          + Words.bytes(SwapArea.smallest))
    }
    self.root = root
    self.swap = swap
  }
}
