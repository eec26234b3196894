// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Inspection
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

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

  init(_ spool: consuming Descriptor) { self.spool = spool }

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
  /// The disk of the old guest, the image of the new one, and what `KeptFilesSpool` holds: finds what is kept and looks
  /// whether it can be, before anything is changed.
  static let task = WorkerTask("keep", .reader) { context throws(Failure) in
    let values = context.values
    return try context.steps.step("read what is kept of the guest") { progress throws(Failure) in
      let disk = try context.disk(0)
      let old = try Filesystem(opening: Region(rootOf: disk), writable: false)
      let new = try Filesystem(opening: Region(of: context.descriptor(1)), writable: false)
      let kept = KeptFiles(try context.descriptor(2))
      let list = try context.descriptor(3)
      try kept.find(try values.texts("patterns").map { ByteString(argument: $0) }, in: old)
      try kept.refuseWhatHasNoPlace(in: new, after: old, on: disk, try FilesystemOptions(values["options"] ?? nil))
      try kept.copy(from: old, inFolder: try values.text("folder"), progress)
      try kept.save(to: list)
      progress.detail(kept.summary)
      return nil
    }
  }
}
