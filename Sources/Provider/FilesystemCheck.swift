// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// The ext filesystem on a disk, in the hands of the system's own tools: checked before it is edited, and checked,
/// repaired and made to fill its disk after it was restored.
extension Disk {
  /// Recovers, checks and enlarges a restored filesystem. Where it can't be enlarged it stays as it came, and the guest
  /// with it.
  func growFilesystem(_ workers: Workers, _ steps: Steps) throws(Failure) {
    try steps.step("check and grow the filesystem") { _ throws(Failure) in
      try recover(workers, steps)
      let original = try superblock()
      let before = original.size
      guard before <= layout.root.length else {
        throw Failure(
          .guest, "the filesystem in \(rootWords) has \(before) bytes, and there are only \(layout.root.length)",
          remedy: "take another copy of the original")
      }
      guard layout.root.length - before >= original.blockSize else { return }
      let (status, words) = try withoutClaim { () throws(Failure) in
        try growing.capture(on: self)
      }
      if !status.isSuccess {
        steps.note(
          "the guest is whole, but its filesystem keeps its \(Words.bytes(before)) of the disk's "
            + "\(Words.bytes(layout.root.length)): resize2fs can't grow it on this machine; running resize2fs in the guest may\n  "
            + Command.lastLines(words))
      } else {
        let size = try superblock().size
        if size == before { return }
        // e2fsck looks at each block of the disk, of which there are many and all but the guest's are free.
        if original.growsInPlace(to: size), try isCounted(workers, steps) { return }
      }
      // Whatever resize2fs did or began: some of its versions leave checksums and counts of rare features wrong.
      try repair(steps)
    }
  }

  /// Whether the groups of a filesystem are what its bitmaps and its superblock say.
  private func isCounted(_ workers: Workers, _ steps: Steps) throws(Failure) -> Bool {
    let fault = try workers.run(Self.counting, nil, [.disk(self)], .editing(self), .worker(onDiskOf: size), steps)
    return fault.string == nil
  }

  static let counting = WorkerTask("count", .reader) { context throws(Failure) in
    do throws(Failure) {
      let filesystem = try Filesystem(opening: Region(rootOf: try context.disk(0)), writable: false)
      return .optional(filesystem.groupFault() ?? filesystem.bitmapFault())
    } catch {
      return .string(error.message)
    }
  }

  private var growing: Command {
    guard layout.rootPartition != nil else { return .resize2fs(path) }
    var command = Command.resize2fs(rootPath, "\(layout.root.length / 1024)K")
    // It would cut an image file to the length of the filesystem, wherever in the file that is.
    command.pretence = .lengths
    return command
  }

  private var rootWords: String { layout.rootPartition.map { "partition \($0.number) of \(path)" } ?? path }

  /// Recovers the journal of a restored filesystem and checks all of it.
  func recover(_ workers: Workers, _ steps: Steps) throws(Failure) {
    // Whoever had the original mounted when it was copied has not mounted this.
    if (try? superblock())?.hasMultipleMountProtection == true {
      _ = try workers.run(Self.unclaiming, nil, [.disk(self)], .editing(self), .worker(onDiskOf: size), steps)
    }
    if let partition = layout.rootPartition { try recoverJournal(in: partition, workers, steps) }
    let (passes, words) = try check("-fp")
    guard passes else {
      throw Failure(
        .guest, "the restored filesystem has errors, and had them when it was exported; e2fsck says:\n  \(words)",
        remedy: "repair the original with e2fsck and export it again, or save files with guestsmith dump extract")
    }
  }

  /// Corrects what a change of a restored filesystem has left: the guest in it is whole.
  func repair(_ steps: Steps) throws(Failure) {
    if try check("-fp").passes { return }
    let (passes, words) = try check("-fy")
    guard passes else { throw Failure(.guest, "the filesystem can't be repaired; e2fsck says:\n  \(words)") }
    steps.note("the filesystem on \(path) was repaired after it was enlarged:\n  \(words)")
  }

  /// Has e2fsck count what each user and project takes after files were changed, where the filesystem has quotas.
  func settle() throws(Failure) {
    guard try needsRecovery() else { return }
    let (passes, words) = try check("-fp")
    guard passes else {
      throw Failure(.guest, "the quotas on \(path) can't be counted; e2fsck says:\n  \(words)")
    }
  }

  /// Checks all of a filesystem that was filled or changed here: one that can be mounted has no errors.
  func confirm(_ steps: Steps) throws(Failure) {
    try steps.step("check the result") { _ throws(Failure) in
      let (passes, words) = try check("-fn")
      guard !passes else { return }
      throw Failure(
        .guest, "the restored filesystem has errors; e2fsck says:\n  \(words)",
        remedy: "this is a fault of guestsmith, or the disk does not keep what is written to it: try another disk")
    }
  }

  private func check(_ option: String) throws(Failure) -> (passes: Bool, words: String) {
    struct Result {
      let passes: Bool
      let words: String
    }
    let result = try withoutClaim { () throws(Failure) in
      let (status, output) = try Command.e2fsck(option, rootPath).capture(on: self, writes: option != "-fn")
      // 1: errors were corrected (e2fsck(8)).
      return Result(passes: status == .exited(0) || status == .exited(1), words: Command.lastLines(output))
    }
    return (result.passes, result.words)
  }

  /// Says that nobody uses a copy of a filesystem.
  static let unclaiming = WorkerTask("unclaim", .editor) { context throws(Failure) in
    // What can't be opened e2fsck has something to say about.
    if let filesystem = try? Filesystem(opening: Region(rootOf: try context.disk(0)), writable: true) {
      try filesystem.clearMultipleMountProtection()
    }
    return nil
  }

  /// Recovers the journal of a filesystem that was not unmounted, and refuses one with errors, in e2fsck's words: to
  /// edit it would make it worse.
  func prepareForEditing(_ workers: Workers, _ steps: Steps) throws(Failure) {
    if let obstacle = try filesystemObstacle() { throw obstacle }
    if try needsRecovery() {
      steps.note("the filesystem on \(path) was not unmounted: its journal is recovered")
      if let partition = layout.rootPartition { try recoverJournal(in: partition, workers, steps) }
      // 1: errors were corrected (e2fsck(8)); whether any are left the check tells.
      try refuseErrors("-p", passes: [0, 1])
    }
    try refuseErrors("-fn", passes: [0])
  }

  private func refuseErrors(_ option: String, passes: [Int32]) throws(Failure) {
    let (status, output) = try withoutClaim { () throws(Failure) in
      try Command.e2fsck(option, rootPath).capture(on: self, writes: option != "-fn")
    }
    guard case .exited(let code) = status, passes.contains(code) else {
      if status == .exited(8) {
        // It came to no check: the filesystem is in use on another machine, its journal is elsewhere, or the like.
        throw Failure(.guest, "e2fsck can't check the filesystem on \(path):\n  \(Command.lastLines(output))")
      }
      throw Failure(
        .guest, "the filesystem on \(path) has errors; e2fsck \(option) says:\n  \(Command.lastLines(output))",
        remedy: "repair it with e2fsck '\(rootPath)', then try again")
    }
  }

  /// Why this machine can't change a filesystem that may well be in order; nil where it can, or where it is damaged.
  func filesystemObstacle() throws(Failure) -> Failure? {
    let bytes = try superblockBytes()
    guard let superblock = try? Superblock(examining: bytes, room: layout.root.length, of: path) else { return nil }
    if superblock.isUnknown {
      return Failure(
        .guest,
        "cannot change the filesystem on \(path): it has features that the e2fsprogs of this machine don't know",
        remedy: "install a newer e2fsprogs")
    }
    guard superblock.sharesBlocks else { return nil }
    return Failure(.guest, "the filesystem on \(path) is for reading only: its files share blocks")
  }

  /// Whether there is an ext filesystem where the root is, be it damaged or not. Of a whole disk that counts only where no table
  /// divides it.
  func holdsExt() throws(Failure) -> Bool {
    let bytes = try superblockBytes()
    // s_magic (kernel, fs/ext4/ext4.h).
    return bytes.dropFirst(56).starts(with: [0x53, 0xEF]) && Superblock(bytes)?.isJournal != true
  }

  /// The superblock of the root filesystem: memory-safe reading of 1024 bytes.
  func superblock() throws(Failure) -> Superblock {
    try Superblock(examining: superblockBytes(), room: layout.root.length, of: path)
  }

  private func superblockBytes() throws(Failure) -> [UInt8] {
    try descriptor.bytes(
      at: layout.root.offset + UInt64(Superblock.range.lowerBound), count: Superblock.range.count)
  }

  private func needsRecovery() throws(Failure) -> Bool {
    let superblock = try superblock()
    return !superblock.isClean || superblock.needsRecovery
  }
}

extension Workers.Purpose {
  static func editing(_ disk: Disk) -> Workers.Purpose { .init(.guest, "edits the filesystem on \(disk.path)") }
}
