// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// The cache of golden images. Each is a filesystem with a system that no instance has changed, made once and copied to
/// the disk of every instance.
///
///     CACHE/                     of this user or of root, written by nobody else
///       images/KEY/              one image; KEY is the SHA-256 of all that it was made from (`ImageRecipe.key`);
///                                the folder appears by a rename when it is complete, and readers lock it (shared)
///         disk.img               the filesystem, sparse
///         pieces                 offset, length and SHA-256 of each part of the used bytes (`ImagePiece`)
///         manifest.json          `ImageManifest`, with the SHA-256 of `pieces`; its time is that of the last use
///         rejected               only where a copy found the image damaged
///       tmp/PID-NUMBER/          one build, or what is on its way out; locked as long as its process lives
///       locks/KEY.lock           locked by who builds the image; says who that is, or why the last build failed
///
/// All locks are flock(2)'s: they end with their process, in whatever way that ends.
package struct ImageStore: Sendable {
  package let folder: String
  /// How old an image may be before it is made anew; nil is any age.
  package let maxAgeDays: Int?
  /// What all images together may take of the disk, in bytes; nil is any size.
  package let maxSize: UInt64?
  let now: @Sendable () -> Timestamp

  /// - Throws: `.io` when the folder cannot be made, `.invalid` when others could change what is in it.
  package init(
    folder: String, maxAgeDays: Int?, maxSize: UInt64?, now: @escaping @Sendable () -> Timestamp = { .now }
  ) throws(Failure) {
    self.folder = folder
    self.maxAgeDays = maxAgeDays
    self.maxSize = maxSize
    self.now = now
    try Self.prepare(folder)
  }

  var imagesPath: String { "\(folder)/images" }
  var scratchPath: String { "\(folder)/tmp" }
  func lockPath(_ key: String) -> String { "\(folder)/locks/\(key).lock" }

  /// What the cache has under a key.
  enum Found: ~Copyable {
    case nothing
    /// The words say what is wrong with it.
    case broken(String)
    case image(ImageEntry)
  }

  /// Opens the image of `key` for use.
  func find(_ key: String) throws(Failure) -> Found {
    let images = try Folder(imagesPath)
    while true {
      guard try images.has(key) else { return .nothing }
      do {
        let folder = try Folder(key, in: images)
        // It is locked otherwise only for the moment that it takes to be moved out of the way.
        _ = try folder.descriptor.lock(.shared, waits: true)
        guard try folder.descriptor.isStill(at: "\(imagesPath)/\(key)") else { continue }
        return .image(try ImageEntry(folder, key: key))
      } catch {
        guard try images.has(key) else { continue }
        return .broken(error.message)
      }
    }
  }

  /// The image of `key` for use; nil where there is none.
  ///
  /// - Throws: `.io` when it is broken.
  package func entry(_ key: String) throws(Failure) -> ImageEntry? {
    switch try find(key) {
    case .nothing: return nil
    case .image(let entry): return entry
    case .broken(let reason): throw .broken(key, reason)
    }
  }

  /// The keys of all images, whole or broken, sorted.
  package func keys() throws(Failure) -> [String] {
    try Folder(imagesPath).names()
  }

  func isFresh(_ manifest: ImageManifest) -> Bool {
    maxAgeDays.map { ageDays(manifest) < $0 } ?? true
  }

  func ageDays(_ manifest: ImageManifest) -> Int {
    max(0, now().seconds - manifest.created.seconds) / 86400
  }

  /// Makes the folders that are missing, and refuses a cache that others could change: what is in it becomes the root
  /// filesystem of guests.
  private static func prepare(_ path: String) throws(Failure) {
    var parent = ""
    for part in path.split(separator: "/") {
      parent += (parent.isEmpty && path.first != "/" ? "" : "/") + part
      if mkdir(parent, 0o755) == 0 {
        // Whatever the umask: apt fetches as a user without rights, who has to come through here.
        chmod(parent, 0o755)
        continue
      }
      if errno == EEXIST { continue }
      // Only the last matters: a folder above may be there without being writable.
      guard access(parent, F_OK) == 0 else { throw Self.unwritable(path, .system("make the folder", parent)) }
    }
    let folder = try Folder(path)
    let status = try folder.descriptor.status()
    guard status.st_uid == geteuid() || status.st_uid == 0 else {
      throw Failure(
        .invalid, "the cache \(path) belongs to the user \(status.st_uid), who could change the images in it",
        remedy: "name a folder of your own with cache in the configuration")
    }
    guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
      throw Failure(
        .invalid,
        "the cache \(path) has mode 0\(String(status.st_mode & 0o7777, radix: 8)):"
          + " others could change the images in it",
        remedy: status.st_mode & S_ISVTX != 0
          ? "name a folder of its own with cache in the configuration" : "run chmod go-w \(path)")
    }
    for name in ["images", "tmp", "locks"] {
      do {
        try folder.make(name)
      } catch {
        throw Self.unwritable(path, error)
      }
    }
  }

  private static func unwritable(_ path: String, _ failure: Failure) -> Failure {
    var failure = failure
    failure.remedy = "name a folder that you may write to with cache in the configuration"
    return failure
  }
}

extension Failure {
  static func broken(_ key: String, _ reason: String) -> Failure {
    Failure(
      .io, "the image \(key) is broken: \(reason)",
      remedy: "it is built anew when it is needed next, or now by guestsmith image build")
  }
}
