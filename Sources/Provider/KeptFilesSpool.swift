// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Images
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// Where what is kept of a guest waits, as workers write and read it: files without a name.
final class KeptFilesSpool {
  /// The contents of all files, one after another.
  let contents: Descriptor
  /// What files they are.
  let list: Descriptor

  /// What the configuration keeps of the guest that is on the disk; nil where there is none.
  ///
  /// - Throws: for what can't be kept as it is.
  init?(
    of disk: Disk, for image: borrowing ImageEntry, _ configuration: Configuration, _ workers: Workers, _ steps: Steps
  ) throws(Failure) {
    guard !configuration.reinstallKeep.isEmpty, try Self.holdsGuest(disk, configuration, workers, steps) else {
      return nil
    }
    // The guest may not have been shut down.
    do throws(Failure) {
      try disk.prepareForEditing(workers, steps)
    } catch {
      throw Failure(
        error.code, error.message, remedy: "repair it with e2fsck, or set reinstall_keep to an empty list")
    }
    let file = try image.open()
    contents = try Descriptor(temporary: "the file for what is kept of the guest")
    list = try Descriptor(temporary: "the list of what is kept of the guest")
    var limits = ChildLimits.worker(streaming: disk.size, threads: 1)
    // What the disk holds, or the list of as many files as are kept at most.
    limits.fileSize = max(disk.size, 512 << 20)
    _ = try workers.run(
      KeptFiles.task,
      [
        "patterns": .array(configuration.reinstallKeep.map { .string($0) }), "folder": .string(temporaryFolder),
        "options": configuration.filesystemOptions.json,
      ], [.disk(disk), .stream(file.view), .stream(contents.view), .stream(list.view)],
      .init(.guest, "reads \(disk.path)"), limits, steps)
    // The new guest has a layout of its own.
    disk.layout = DiskLayout(wholeDiskOf: disk.size)
  }

  /// Whether there is a filesystem whose files can be kept. A disk without anything is that of a guest whose installation
  /// failed; of one with something else nothing can be kept.
  private static func holdsGuest(
    _ disk: Disk, _ configuration: Configuration, _ workers: Workers, _ steps: Steps
  ) throws(Failure) -> Bool {
    switch try disk.findRoot(by: GuestPartitions.finding, workers, steps) {
    case .root: return true
    // blkid passes over one that is damaged.
    case .noTable: if try disk.holdsExt() { return true }
    case .other: break
    }
    let what: String
    switch try DataDisk.contents(of: disk, workers) {
    case .nothing: what = "nothing"
    case .filesystem(let type, _): what = "a filesystem of type \(type)"
    case .other(let found): what = found
    }
    let isAsked = configuration.reinstallKeep != Configuration().reinstallKeep
    if isAsked, what != "nothing" {
      throw Failure(
        .guest, "\(disk.path) holds \(what), and only of ext2, ext3 and ext4 files are kept",
        remedy: "save what is needed in another way, and set reinstall_keep to an empty list; nothing was changed")
    }
    steps.note("no files are kept of what was on \(disk.path): it holds \(what)")
    return false
  }
}
