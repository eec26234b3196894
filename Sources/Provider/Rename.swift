// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Guest
internal import Interface
internal import LinuxIO
internal import Report

extension Provider {
  /// Makes the guest agree with its new name. Nothing is changed where it has neither the old nor the new one.
  func rename(_ request: Request) throws {
    guard let oldName = request.oldName else { throw Failure(.usage, "the request names no old name") }
    let root = try GuestDisks.openRoot(of: request)
    let network = try staticNetwork(of: request)
    try steps.step("check \(root.path)") { _ in try prepareForEditing(root) }
    let outcome = try steps.step("rename \(oldName) to \(request.instance)") { _ in
      try edit(root) { guest throws(Failure) in
        try Renaming(
          from: GuestName(oldName.text), to: GuestName(request.instance.text), network: network
        ).apply(to: guest)
      }
    }
    if outcome == .alreadyNamed { steps.note("the guest is called \(request.instance) already") }
  }

  /// Edits a guest in place.
  func edit<T>(_ disk: Disk, _ body: (GuestTree) throws(Failure) -> T) throws(Failure) -> T {
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path)
    let guest = GuestTree(try Filesystem(opening: device, writable: true), isInPlace: true)
    let result = try body(guest)
    try guest.commit()
    return result
  }

  /// Recovers the journal of a filesystem that was not unmounted, and refuses one with errors, in e2fsck's words.
  func prepareForEditing(_ disk: Disk) throws(Failure) {
    let state = try Self.state(of: disk)
    if state.isClean, !state.needsRecovery { return }
    if state.needsRecovery { steps.note("the filesystem on \(disk.path) was not unmounted: its journal is recovered") }
    let path = disk.path
    let (status, output) = try disk.withoutClaim { () throws(Failure) in
      try Command.e2fsck("-p", path).capture(limit: 16 << 10)
    }
    // 1: errors were corrected; the rest leaves some or failed (e2fsck(8)).
    guard status == .exited(0) || status == .exited(1) else {
      throw Failure(
        .guest, "the filesystem on \(path) has errors; e2fsck says: \(Self.lastLines(output))",
        remedy: "repair it with e2fsck \(path), then try again")
    }
    let after = try Self.state(of: disk)
    guard after.isClean, !after.needsRecovery else {
      throw Failure(.guest, "the filesystem on \(path) is not clean after e2fsck: \(Self.lastLines(output))")
    }
  }

  private static func state(of disk: Disk) throws(Failure) -> (isClean: Bool, needsRecovery: Bool) {
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path)
    let filesystem = try Filesystem(opening: device, writable: false)
    return (filesystem.isClean, filesystem.needsRecovery)
  }

  static func lastLines(_ output: [UInt8]) -> String {
    String(decoding: output, as: UTF8.self).split(separator: "\n").suffix(8).map { String($0).escaped }
      .joined(separator: "\n  ")
  }
}

extension Command {
  /// Tools of the system, whatever the caller's PATH and language.
  static func e2fsck(_ arguments: String...) -> Command { ofSystem("e2fsck", arguments) }

  static func resize2fs(_ arguments: String...) -> Command { ofSystem("resize2fs", arguments) }

  static func blkid(_ arguments: String...) -> Command { ofSystem("blkid", arguments) }

  static func mke2fs(_ arguments: String...) -> Command { ofSystem("mke2fs", arguments) }

  private static func ofSystem(_ name: String, _ arguments: [String]) -> Command {
    var command = Command(name, arguments)
    command.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]
    return command
  }
}
