// SPDX-License-Identifier: Apache-2.0
internal import Storage

// What the stages of a trial hand on.

/// What create made.
struct CreatedGuest {
  let disk: ScratchDisk
  let swap: ScratchDisk
  /// Nil where no filesystem is known on the disk.
  let content: DiskContent?
  /// Whether create writes nothing, as that of an OS that is installed by hand.
  let isBlank: Bool

  /// Missing where create leaves nothing to look at.
  var written: Made<CreatedGuest> {
    isBlank ? .missing(because: "create writes nothing to the disk") : .made(self)
  }

  /// Its filesystem, which may be one that is not read here.
  var filesystem: Made<DiskContent> {
    written.flatMap { guest in
      guest.content.map { .made($0) } ?? .missing(because: "no known filesystem is on the disk")
    }
  }
}

/// A guest on a filesystem that libext2fs reads.
struct ReadableGuest {
  let disk: ScratchDisk
  let content: DiskContent
  /// Before anything else was done with it.
  let files: DiskFiles
}

/// What export made.
struct ExportedGuest {
  let guest: CreatedGuest
  /// The path of the dump.
  var dump: String
  /// Of both disks, before and after.
  let digests: (before: [String], after: [String])
  /// Whether the dump has nothing but the guest in it; else it is as it is without a line that is not part of it.
  var isOnlyData = true
}
