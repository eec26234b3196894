// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import LinuxIO
internal import Report

/// A filesystem that was restored, before and after the guest in it is made to agree with its name: the system's own
/// tools check it and make it fill its disk.
extension Provider {
  /// Recovers, checks and enlarges a restored filesystem. Where it can't be enlarged it stays as it came, and the guest
  /// with it.
  func grow(_ disk: Disk) throws(Failure) {
    try steps.step("check and grow the filesystem") { _ throws(Failure) in
      try recover(disk)
      let size = try Self.filesystemSize(on: disk)
      let (status, words) = try disk.withoutClaim { () throws(Failure) in
        try Command.resize2fs(disk.path).capture(on: disk)
      }
      if !status.isSuccess {
        steps.note(
          "the guest is whole, but its filesystem keeps its \(Words.bytes(size)) of the disk's "
            + "\(Words.bytes(disk.size)): resize2fs can't grow it on this machine; running resize2fs in the guest may\n  "
            + Command.lastLines(words))
      } else if try Self.filesystemSize(on: disk) == size {
        return
      }
      // Whatever resize2fs did or began: some of its versions leave checksums and counts of rare features wrong.
      try repair(disk)
    }
  }

  /// Recovers the journal of a restored filesystem and checks all of it.
  func recover(_ disk: Disk) throws(Failure) {
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path)
    // Whoever had the original mounted when it was copied has not mounted this.
    if let filesystem = try? Filesystem(opening: device, writable: true) {
      try filesystem.clearMultipleMountProtection()
    }
    let (passes, words) = try check(disk, "-fp")
    guard passes else {
      throw Failure(
        .guest, "the restored filesystem has errors, and had them when it was exported; e2fsck says:\n  \(words)",
        remedy: "repair the original with e2fsck and export it again, or save files with guestsmith dump extract")
    }
  }

  /// Corrects what a change of a restored filesystem has left: the guest in it is whole.
  func repair(_ disk: Disk) throws(Failure) {
    if try check(disk, "-fp").passes { return }
    let (passes, words) = try check(disk, "-fy")
    guard passes else { throw Failure(.guest, "the filesystem can't be repaired; e2fsck says:\n  \(words)") }
    steps.note("the filesystem on \(disk.path) was repaired after it was enlarged:\n  \(words)")
  }

  /// Has e2fsck count what each user and project takes after files were changed, where the filesystem has quotas.
  func settle(_ disk: Disk) throws(Failure) {
    guard try Self.needsRecovery(disk) else { return }
    let (passes, words) = try check(disk, "-fp")
    guard passes else {
      throw Failure(.guest, "the quotas on \(disk.path) can't be counted; e2fsck says:\n  \(words)")
    }
  }

  /// Checks all of a filesystem that was filled or changed here: whoever sees one that mounts sees one without errors.
  func confirm(_ disk: Disk) throws(Failure) {
    try steps.step("check the result") { _ throws(Failure) in
      let (passes, words) = try check(disk, "-fn")
      guard !passes else { return }
      throw Failure(
        .guest, "the restored filesystem has errors; e2fsck says:\n  \(words)",
        remedy: "this is a fault of guestsmith, or the disk does not keep what is written to it: try another disk")
    }
  }

  /// Clears what the new parts of a filesystem call used and the system's tools do not write.
  func clearUnwritten(on disk: Disk) throws(Failure) {
    let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path)
    let filesystem = try Filesystem(opening: device, writable: true)
    try filesystem.clearUnwritten()
    try filesystem.commit()
  }

  private func check(_ disk: Disk, _ option: String) throws(Failure) -> (passes: Bool, words: String) {
    struct Result {
      let passes: Bool
      let words: String
    }
    let result = try disk.withoutClaim { () throws(Failure) in
      let (status, output) = try Command.e2fsck(option, disk.path).capture(on: disk)
      // 1: errors were corrected (e2fsck(8)).
      return Result(passes: status == .exited(0) || status == .exited(1), words: Command.lastLines(output))
    }
    return (result.passes, result.words)
  }

  private static func filesystemSize(on disk: Disk) throws(Failure) -> UInt64 {
    try Filesystem(opening: FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path), writable: false).size
  }
}
