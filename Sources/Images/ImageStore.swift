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
///         pieces                 offset, length and digests of each part of the used bytes (`ImagePiece`)
///         manifest.json          `ImageManifest`, with the SHA-256 of `pieces`; its time is that of the last use
///         rejected               only where a copy found the image damaged
///       tmp/PID-NUMBER/          one build, or what is on its way out; locked as long as its process lives
///       pins/NAME                which image a source of disks had when it was asked last, and when that was
///       locks/KEY.lock           locked by who builds the image; says who that is, or why the last build failed
///
/// All locks are flock(2)'s: they end with their process, in whatever way that ends. Others may read the images, but can
/// open nothing that is locked here: what they can't open, they can't lock.
package struct ImageStore: Sendable {
  package let folder: String
  /// How old an image may be before it is made anew; nil is any age.
  package let maxAgeDays: Int?
  /// What all images together may take of the disk, in bytes; nil is any size.
  package let maxSize: UInt64?
  /// That is kept of one image, in bytes, whatever the size of the cache: 4 TiB.
  package static let mostContent: UInt64 = 4 << 40
  let now: @Sendable () -> Timestamp
  /// Whether this user may lock and change what is in it.
  private let isOurs: Bool

  /// - Throws: `.io` when the folder cannot be made, `.invalid` when others could change what is in it.
  package init(
    folder: String, maxAgeDays: Int?, maxSize: UInt64?, now: @escaping @Sendable () -> Timestamp = { .now }
  ) throws(Failure) {
    self.folder = folder
    self.maxAgeDays = maxAgeDays
    self.maxSize = maxSize
    self.now = now
    isOurs = try Self.prepare(folder)
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
        guard isOurs else { return .image(try ImageEntry(Folder(through: key, in: images), key: key)) }
        let folder = try Folder(key, in: images)
        // One of an earlier release can be opened by all.
        if try folder.descriptor.status().st_mode & 0o7777 != Self.imageMode {
          try folder.descriptor.setMode(Self.imageMode)
        }
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

  /// Whether an image of `key` is there, and is to be made anew by its age. It does not count as used by that.
  package func isOld(_ key: String) throws(Failure) -> Bool {
    guard case .image(let entry) = try find(key) else { return false }
    return !isFresh(entry.manifest)
  }

  func isFresh(_ manifest: ImageManifest) -> Bool {
    maxAgeDays.map { ageDays(manifest) < $0 } ?? true
  }

  func ageDays(_ manifest: ImageManifest) -> Int {
    max(0, now().seconds - manifest.created.seconds) / 86400
  }

  /// Of the folder of an image: others come through to its files, and cannot lock it.
  static let imageMode: UInt32 = 0o711

  /// Makes the folders that are missing, and refuses a cache that others could change: what is in it becomes the root
  /// filesystem of guests. Returns whether it is this user's, and not only root's.
  private static func prepare(_ path: String) throws(Failure) -> Bool {
    do throws(Failure) {
      let cache = try Folder.own(path, mode: 0o755)
      _ = try cache.own("images", mode: 0o755)
      guard try cache.descriptor.status().st_uid == geteuid() else { return false }
      // Through the one apt comes, which fetches as a user without rights.
      for (name, mode) in [("tmp", 0o711), ("locks", 0o700)] as [(String, UInt32)] {
        _ = try cache.own(name, mode: mode)
      }
      return true
    } catch {
      throw Failure(
        error.code, "the cache \(path) cannot be used: \(error.message)",
        remedy: (error.remedy.map { "\($0), " } ?? "") + "or name a folder of your own with cache in the configuration")
    }
  }
}

extension Failure {
  static func broken(_ key: String, _ reason: String) -> Failure {
    Failure(
      .io, "the image \(key) is broken: \(reason)",
      remedy: "it is built anew when it is needed next, or now by guestsmith image build")
  }
}
