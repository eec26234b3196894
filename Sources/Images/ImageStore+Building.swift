// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Ext4
internal import Glibc
internal import LinuxIO
package import Report

extension ImageStore {
  /// After a build failed, an image that is too old is used for so many seconds before it is tried again.
  private static let patience = 3600

  /// The image of a recipe: from the cache, or built now. Of all processes that want the same, one builds it.
  ///
  /// An image that is too old is built anew; where that fails it is used all the same, with a note.
  ///
  /// - Parameter beforeBuilding: called first where it is not in the cache, ready to be used.
  package func obtain(
    _ recipe: ImageRecipe, steps: Steps, maker: ImageMaker = .standard,
    beforeBuilding: () throws(Failure) -> Void = {}
  ) throws(Failure) -> ImageEntry {
    let key = recipe.key
    removeLeftScratch()
    if let entry = try usable(key, steps: steps) { return entry }
    try beforeBuilding()
    let lock: FileLock
    if let free = try FileLock.attempt(lockPath(key)) {
      lock = free
      // Somebody may have built it between the two calls.
      if case .image(let entry) = try find(key), isFresh(entry.manifest) { return entry }
    } else {
      lock = try waitForBuilder(key, steps: steps)
      // Whoever was waited for has made it, or has tried and could not: to try again at once would be no better.
      if case .image(let entry) = try find(key) {
        if !isFresh(entry.manifest) {
          steps.note("\(words(for: entry.manifest)), which could not be refreshed, is used")
        }
        return entry
      }
      if case .failed(let failure, _) = record(key) { throw failure }
    }
    do throws(Failure) {
      try lock.note(BuildRecord.building(pid: getpid()).text)
      try build(recipe, steps: steps, maker: maker)
      try lock.note("")
    } catch let failure {
      try? lock.note(BuildRecord.failed(failure, at: now()).text)
      guard case .image(let old) = try find(key) else { throw failure }
      steps.note("\(words(for: old.manifest)) is used, as it could not be refreshed:")
      for line in failure.message.split(separator: "\n") { steps.note("  \(line)") }
      return old
    }
    guard case .image(let entry) = try find(key) else {
      throw Failure.broken(key, "it was changed as soon as it was built")
    }
    // To be over the size until the next build is better than to fail after all is done.
    _ = try? prune(byAge: false, keeping: key, dryRun: false)
    return entry
  }

  /// Runs `body` with a folder in the cache for files as large as disks, which goes with all that is in it.
  package func withScratch<R>(_ body: (String) throws(Failure) -> R) throws(Failure) -> R {
    removeLeftScratch()
    let scratch = try newScratch()
    defer { scratch.remove() }
    return try body(scratch.path)
  }

  /// A folder in the cache that goes with all that is in it; the next that comes by removes what a kill has left of it.
  func newScratch(mode: UInt32 = 0o700) throws(Failure) -> ScratchFolder {
    try ScratchFolder(in: scratchPath, prefix: "", mode: mode)
  }

  /// What the caller cannot remove, such as a folder in another user's cache, does no harm.
  func removeLeftScratch() {
    ScratchFolder.removeLeft(in: scratchPath, prefix: "")
    // Only a folder can be in use.
    guard let folder = try? Folder(scratchPath), let names = try? folder.names() else { return }
    for name in names where (try? folder.status(of: name))?.isFolder == false { try? folder.remove(name) }
  }

  /// The image that need not be built; nil when it must be.
  private func usable(_ key: String, steps: Steps) throws(Failure) -> ImageEntry? {
    switch try find(key) {
    case .nothing: return nil
    case .broken(let reason):
      steps.note("the image \(key.prefix(12)) is broken and will be built anew: \(reason)")
      return nil
    case .image(let entry):
      if !isFresh(entry.manifest) {
        guard hasFailedLately(key) else { return nil }
        steps.note("\(words(for: entry.manifest)) is used, as it could not be refreshed lately")
      }
      entry.markUsed()
      return entry
    }
  }

  /// Which image it is, for a person: what `image list` and a guest's own record of its image call it, and its age.
  private func words(for manifest: ImageManifest) -> String {
    let age = ageDays(manifest)
    return "the image \(manifest.key.prefix(12)) of \(manifest.created.text), \(age) \(age == 1 ? "day" : "days") old,"
      + " sha256:\(manifest.digest.prefix(12))"
  }

  private func waitForBuilder(_ key: String, steps: Steps) throws(Failure) -> FileLock {
    var builder = "another process"
    if case .building(let pid) = record(key) { builder = "process \(pid)" }
    var lock: FileLock?
    try steps.step("waiting for \(builder), which builds the image \(key.prefix(12))") { _ throws(Failure) in
      lock = try FileLock.wait(lockPath(key))
    }
    // The step set it or threw; the compiler cannot know.
    guard let lock else { return try FileLock.wait(lockPath(key)) }
    return lock
  }

  private func build(_ recipe: ImageRecipe, steps: Steps, maker: ImageMaker) throws(Failure) {
    try requireRoom(maker.neededRoom, in: folder, for: "building the image")
    let start = now()
    // 0711 lets apt fetch as a user without rights, 0700 hides what is in it.
    let scratch = try newScratch(mode: recipe.hasCredentials ? 0o700 : 0o711)
    defer { scratch.remove() }
    for note in recipe.guest.notes { steps.note(note) }
    try make(recipe, in: scratch, since: start, steps: steps, maker: maker)
  }

  private func make(
    _ recipe: ImageRecipe, in scratch: ScratchFolder, since start: Timestamp, steps: Steps, maker: ImageMaker
  ) throws(Failure) {
    let tar = "\(scratch.path)/root.tar"
    try scratch.folder.make("image", mode: Self.imageMode)
    let folder = try Folder("image", in: scratch.folder)
    let image = "\(folder.path)/\(ImageEntry.imageFile)"
    let scratchPath = scratch.path
    let sources = try steps.step("bootstrapping \(recipe.suite) for \(recipe.architecture)") {
      progress throws(Failure) in
      try maker.bootstrap(recipe, tar, scratchPath, progress)
    }
    let populated = try steps.step("making the \(recipe.filesystem.kind.rawValue) image") { progress throws(Failure) in
      try maker.populate(recipe, image, tar, progress)
    }
    try scratch.folder.remove("root.tar")
    let bootFiles: [BootFile]
    if let loader = recipe.bootLoader {
      bootFiles = try steps.step("making the boot loaders") { _ throws(Failure) in
        try loader.makeFiles(from: image, in: folder, scratch: scratch)
      }
    } else {
      bootFiles = []
    }
    let pieces = try digest(populated, in: folder, steps: steps)
    let table = ImagePiece.encode(pieces)
    try folder.write(table, to: ImageEntry.piecesFile)
    let manifest = try ImageManifest(
      recipe: recipe, sources: sources, created: start, buildSeconds: now().seconds - start.seconds,
      populated: populated, usedBytes: pieces.reduce(0) { $0 + UInt64($1.length) }, digest: SHA256.hex(of: table),
      bootFiles: bootFiles)
    try manifest.write(to: folder)
    try folder.flush()
    try publish(recipe.key, from: scratch)
  }

  private func digest(
    _ populated: PopulatedImage, in folder: borrowing Folder, steps: Steps
  ) throws(Failure) -> [ImagePiece] {
    let path = folder.path
    return try steps.step("computing the digests of the image") { progress throws(Failure) in
      let file = try Folder(path).open(ImageEntry.imageFile, O_RDONLY)
      let pieces = try ImagePiece.digest(populated.usedExtents, of: file, progress: progress)
      // Whatever the umask: it holds no secrets, and a user of this cache who is not its owner may copy it.
      try file.setMode(0o644)
      try file.flush()
      return pieces
    }
  }

  /// Puts the finished image in its place, in one step where none is there.
  func publish(_ key: String, from scratch: ScratchFolder) throws(Failure) {
    let images = try Folder(imagesPath)
    if try images.has(key) {
      // Those who still copy from the old one come to their end first. New ones wait for us, or for the build's lock.
      if let old = try? Folder(key, in: images) {
        _ = try old.descriptor.lock(.exclusive, waits: true)
        try images.move(key, to: scratch.folder, as: "old")
      } else {
        try images.remove(key)
      }
    }
    try scratch.folder.move("image", to: images, as: key)
    try images.flush()
  }

  private func record(_ key: String) -> BuildRecord? { BuildRecord(FileLock.noted(in: lockPath(key))) }

  private func hasFailedLately(_ key: String) -> Bool {
    guard case .failed(_, let time) = record(key) else { return false }
    return now().seconds - time.seconds < Self.patience
  }
}
