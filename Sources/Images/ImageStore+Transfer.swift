// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxIO
package import Report

/// Images that go from the cache of one machine to that of another.
extension ImageStore {
  /// An image that came from another machine.
  package struct Imported: Sendable {
    package var key: String
    /// Whether the cache did not have it already.
    package var isNew: Bool
  }

  /// What an image is here that is a source, whatever it says of itself: its key, and where it is from.
  package struct Identity: Sendable {
    package var key: String
    package var origin: ImageOrigin

    package init(key: String, origin: ImageOrigin) {
      self.key = key
      self.origin = origin
    }
  }

  /// Writes an image for another machine, with the sources that have it.
  ///
  /// - Parameter sink: takes the next bytes, all of them.
  package func export(
    _ entry: borrowing ImageEntry, progress: StepProgress,
    to sink: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    try entry.write(pins: pins(to: entry.manifest.key), progress: progress, to: sink)
  }

  /// Publishes an image that another machine has exported. Another one of the same key makes room for it.
  ///
  /// - Parameter read: fills the new files that it gets, in the order of `ImportedImage.Files`, and compares all with its
  ///   digests.
  package func takeImported(
    as identity: Identity? = nil, steps: Steps, _ read: ([DescriptorView]) throws(Failure) -> Void
  ) throws(Failure) -> Imported {
    removeLeftScratch()
    let scratch = try newScratch()
    defer { scratch.remove() }
    try scratch.folder.make("image", mode: Self.imageMode)
    let folder = try Folder("image", in: scratch.folder)
    let image = try readParts(to: folder, scratch, as: identity, read)
    let manifest = image.manifest
    guard manifest.architecture == Release.architecture else {
      throw Failure(
        .guest, "the image is for \(manifest.architecture), and this machine is \(Release.architecture)",
        remedy: "export that of a machine for \(Release.architecture)")
    }
    do throws(Failure) {
      _ = try ImageEntry(Folder("image", in: scratch.folder), key: manifest.key)
    } catch {
      throw Failure(.dump, "the image is not whole: \(error.message)")
    }
    try folder.flush()
    let lock = try FileLock.wait(lockPath(manifest.key))
    defer { withExtendedLifetime(lock.view) {} }
    var isNew = true
    if case .image(let there) = try find(manifest.key) {
      isNew = there.manifest.digest != manifest.digest
      if isNew { steps.note("the image of \(there.manifest.created.text) of the same key makes room for it") }
    }
    if isNew { try publish(manifest.key, from: scratch) }
    for (source, asked) in image.pins where pin(of: source).map({ $0.asked.seconds < asked.seconds }) ?? true {
      try set(Pin(key: manifest.key, asked: min(asked, now())), of: source)
    }
    _ = try? prune(byAge: false, keeping: manifest.key, dryRun: false)
    return Imported(key: manifest.key, isNew: isNew)
  }

  private func readParts(
    to folder: borrowing Folder, _ scratch: ScratchFolder, as identity: Identity?,
    _ read: ([DescriptorView]) throws(Failure) -> Void
  ) throws(Failure) -> ExportedImage {
    var files: [SharedDescriptor] = []
    let names = [ImageEntry.imageFile, ImageEntry.piecesFile, "head"] + BootFile.Kind.allCases.map(\.rawValue)
    for name in names {
      let flags = O_RDWR | O_CREAT | O_EXCL
      files.append(
        SharedDescriptor(
          name == "head" ? try scratch.folder.open(name, flags) : try folder.open(name, flags)))
    }
    defer { withExtendedLifetime(files) {} }
    try read(files.map(\.view))
    var image = try ExportedImage(head: try scratch.folder.contents(of: "head", limit: ExportedImage.longestHead) ?? [])
    if var identity {
      guard let told = image.manifest.origin, !told.isTree else {
        throw Failure(
          .guest, "the image is one of packages or of a root filesystem, and only that of a disk is a source",
          remedy: "put it into the cache by guestsmith image import, and configure what it was made from")
      }
      (identity.origin.end, identity.origin.root) = (told.end, told.root)
      (image.manifest.key, image.manifest.origin, image.pins) = (identity.key, identity.origin, [:])
    }
    let kinds = image.manifest.bootFiles.map(\.kind)
    for (name, file) in zip(names, files) where name != "head" {
      if let kind = BootFile.Kind(rawValue: name), !kinds.contains(kind) {
        try folder.remove(name)
      } else {
        try folder.open(name, O_RDONLY).setMode(0o644)
        try file.view.flush()
      }
    }
    try image.manifest.write(to: folder)
    return image
  }
}
