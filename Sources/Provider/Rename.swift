// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Guest
internal import Interface
internal import LinuxIO
internal import Report

extension Provider {
  /// Makes the guest agree with its new name. Nothing is changed where it has neither the old nor the new one.
  func rename(_ request: Request) throws(Failure) {
    guard let oldName = request.oldName else { throw Failure(.usage, "the request names no old name") }
    let name = try guestName(request.instance)
    let root = try GuestDisks.openRoot(of: request)
    let network = try staticNetwork(of: request)
    guard try Self.isExt(root) else {
      // The host has renamed the instance, or imported it, and can't take that back.
      let content = try root.describedContents()
      return steps.note("on \(root.path) is \(content): the guest in it is not renamed, and stays as it is")
    }
    try steps.step("check \(root.path)") { _ throws(Failure) in try prepareForEditing(root) }
    let outcome = try steps.step("rename \(oldName) to \(request.instance)") { _ throws(Failure) in
      try edit(root) { guest throws(Failure) in
        try Renaming(from: GuestName(oldName.text), to: name, network: network).apply(to: guest)
      }
    }
    if outcome == .alreadyNamed { steps.note("the guest is called \(request.instance) already") }
  }

  /// The name that a guest gets.
  ///
  /// - Throws: `.invalid` for one that the host may use and no guest can carry.
  func guestName(_ instance: InstanceName) throws(Failure) -> GuestName {
    let name = GuestName(instance.text)
    guard let fault = name.fault else { return name }
    throw Failure(
      .invalid, "no guest can be called \(instance): its host name would be \(name.short.quoted), and \(fault)",
      remedy: "use letters, digits and hyphens before the first dot of the name")
  }

  /// Edits a guest in place.
  func edit<T>(_ disk: Disk, _ body: (GuestTree) throws(Failure) -> T) throws(Failure) -> T {
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path)
    let result = try edit(try Filesystem(opening: device, writable: true, isShared: true), body)
    try settle(disk)
    return result
  }

  private func edit<T>(
    _ filesystem: consuming Filesystem, _ body: (GuestTree) throws(Failure) -> T
  ) throws(Failure) -> T {
    let guest = GuestTree(filesystem, isInPlace: true)
    let result = try body(guest)
    try guest.commit()
    return result
  }

  /// Recovers the journal of a filesystem that was not unmounted, and refuses one with errors, in e2fsck's words: to
  /// edit it would make it worse.
  func prepareForEditing(_ disk: Disk) throws(Failure) {
    let path = disk.path
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: path)
    if let obstacle = Filesystem.obstacle(on: device) { throw obstacle }
    if try Self.needsRecovery(disk) {
      steps.note("the filesystem on \(path) was not unmounted: its journal is recovered")
      // 1: errors were corrected (e2fsck(8)); whether any are left the check tells.
      try check(disk, "-p", passes: [0, 1])
    }
    try check(disk, "-fn", passes: [0])
  }

  private func check(_ disk: Disk, _ option: String, passes: [Int32]) throws(Failure) {
    let path = disk.path
    let (status, output) = try disk.withoutClaim { () throws(Failure) in
      try Command.e2fsck(option, path).capture(on: disk)
    }
    guard case .exited(let code) = status, passes.contains(code) else {
      if status == .exited(8) {
        // It came to no check: the filesystem is in use on another machine, its journal is elsewhere, or the like.
        throw Failure(.guest, "e2fsck can't check the filesystem on \(path):\n  \(Command.lastLines(output))")
      }
      throw Failure(
        .guest, "the filesystem on \(path) has errors; e2fsck \(option) says:\n  \(Command.lastLines(output))",
        remedy: "repair it with e2fsck \(path), then try again")
    }
  }

  /// Whether an ext filesystem begins with the disk, be it damaged or not.
  private static func isExt(_ disk: Disk) throws(Failure) -> Bool {
    let range = FilesystemDevice.superblockRange
    let bytes = try disk.descriptor.bytes(at: UInt64(range.lowerBound), count: range.count)
    // s_magic (kernel, fs/ext4/ext4.h).
    return bytes.dropFirst(56).starts(with: [0x53, 0xEF]) && Superblock(bytes)?.isJournal != true
  }

  static func needsRecovery(_ disk: Disk) throws(Failure) -> Bool {
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path)
    let filesystem = try Filesystem(opening: device, writable: false)
    return !filesystem.isClean || filesystem.needsRecovery
  }
}
