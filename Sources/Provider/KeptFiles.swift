// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Images
internal import Inspection
internal import LinuxIO
internal import Report
internal import Storage

/// A file, a folder, a link or the like that outlives a reinstallation.
struct KeptFile {
  /// Inside of the guest, as it is reached by what the configuration names.
  let path: ByteString
  let file: GuestFile
  let extendedAttributes: [ExtendedAttribute]
  /// The configuration names it itself, and not only a folder that it is in.
  let isNamed: Bool
  /// Where it is another name of a file that is kept: the index of that one.
  var first: Int?
  /// Its content, one after another in the spool.
  var pieces: [ByteRange] = []

  var bytes: UInt64 { pieces.reduce(0) { $0 + $1.length } }
}

/// Files of a guest that outlive its reinstallation: read from the old filesystem, and written into the new one as they
/// were, with all their names, owners, modes, times, flags and attributes. The contents wait in a file without a name.
///
/// What is in the old filesystem is whatever its administrator made of it. What cannot be kept as it is is a failure,
/// while the old guest is still there.
final class KeptFiles {
  /// Each takes some hundred bytes of memory.
  static let countLimit = 500_000

  var files: [KeptFile] = []
  let spool: Descriptor
  /// Of all contents.
  var bytes: UInt64 { files.reduce(0) { $0 + $1.bytes } }

  init() throws(Failure) {
    spool = try Descriptor(temporary: "the file for what is kept of the guest")
  }

  /// `4 files, 3.1 KiB`
  var summary: String {
    "\(files.count) \(files.count == 1 ? "file" : "files"), \(Words.bytes(bytes))"
  }

  static func failure(_ path: ByteString, _ words: String) -> Failure {
    Failure(
      .invalid, "\(path.quoted) in the guest \(words)",
      remedy: "take it out of reinstall_keep and save it in another way; nothing was changed")
  }
}

extension KeptFiles {
  /// What the configuration keeps of the guest that is on the disk; nil where there is none.
  ///
  /// - Throws: for what can't be kept as it is.
  static func of(
    _ disk: Disk, for image: borrowing ImageEntry, _ configuration: Configuration, _ steps: Steps
  ) throws(Failure) -> KeptFiles? {
    guard !configuration.reinstallKeep.isEmpty, try holdsGuest(disk, configuration, steps) else { return nil }
    return try steps.step("read what is kept of the guest") { progress throws(Failure) in
      // The guest may not have been shut down.
      do throws(Failure) {
        try disk.prepareForEditing(steps)
      } catch {
        throw Failure(
          error.code, error.message, remedy: "repair it with e2fsck, or set reinstall_keep to an empty list")
      }
      let old = try Filesystem(
        opening: Region(disk), writable: false)
      let kept = try KeptFiles()
      try kept.find(configuration.reinstallKeep.map { ByteString(argument: $0) }, in: old)
      let file = try image.open()
      let new = try Filesystem(
        opening: Region(of: file), writable: false)
      try kept.refuseWhatHasNoPlace(in: new, after: old, on: disk, configuration.filesystemOptions)
      try kept.copy(from: old, progress)
      progress.detail(kept.summary)
      return kept
    }
  }

  /// Whether there is a filesystem whose files can be kept. A disk without anything is that of a guest whose installation
  /// failed; of one with something else nothing can be kept.
  private static func holdsGuest(_ disk: Disk, _ configuration: Configuration, _ steps: Steps) throws(Failure) -> Bool {
    // blkid passes over one that is damaged.
    if try disk.descriptor.bytes(at: 1024 + 56, count: 2) == [0x53, 0xEF] { return true }
    let what: String
    switch try DataDisk.contents(of: disk) {
    case .nothing: what = "nothing"
    case .filesystem(let type, _): what = "a filesystem of type \(type)"
    case .other(let found): what = found
    }
    let isAsked = configuration.reinstallKeep != Configuration().reinstallKeep
    if isAsked, what != "nothing" {
      throw Failure(
        .guest, "\(disk.path) holds \(what), and only of ext2, ext3 and ext4 on the whole disk files are kept",
        remedy: "save what is needed in another way, and set reinstall_keep to an empty list; nothing was changed")
    }
    steps.note("no files are kept of what was on \(disk.path): it holds \(what)")
    return false
  }
}
