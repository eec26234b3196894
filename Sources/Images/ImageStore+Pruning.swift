// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// What the cache holds under one key, for a list.
package struct ListedImage: Sendable {
  package enum Condition: Sendable, Equatable {
    case fresh
    /// Older than the configuration allows: the next use builds it anew.
    case old
    /// The words say what is wrong with it.
    case broken(String)
  }

  package var key: String
  /// Of the image file.
  package var path: String
  package var condition: Condition
  /// Nil when it is broken.
  package var manifest: ImageManifest?
  package var lastUsed: Timestamp?
  package var ageDays: Int
  /// What it takes of the disk, in bytes.
  package var diskBytes: UInt64
}

/// An image that pruning removes, or would.
package struct PrunedImage: Sendable, Equatable {
  package enum Reason: Sendable, Equatable {
    case broken
    case age(days: Int)
    case size
  }

  package var key: String
  package var reason: Reason
  package var diskBytes: UInt64
}

extension ImageStore {
  /// All images, the one that was used last first.
  package func list() throws(Failure) -> [ListedImage] {
    var images: [ListedImage] = []
    for key in try keys() {
      let path = "\(imagesPath)/\(key)/\(ImageEntry.imageFile)"
      switch try find(key) {
      case .nothing: continue
      case .broken(let reason):
        images.append(
          ListedImage(key: key, path: path, condition: .broken(reason), ageDays: 0, diskBytes: try diskBytes(key)))
      case .image(let entry):
        images.append(
          ListedImage(
            key: key, path: path, condition: isFresh(entry.manifest) ? .fresh : .old, manifest: entry.manifest,
            lastUsed: try entry.lastUsed(), ageDays: ageDays(entry.manifest), diskBytes: try diskBytes(key)))
      }
    }
    return images.sorted { ($0.lastUsed?.seconds ?? 0, $0.key) > ($1.lastUsed?.seconds ?? 0, $1.key) }
  }

  /// Removes images that are broken, that are too old, and then those that were not used for longest until the rest is
  /// within the size. One that is in use or being built stays.
  ///
  /// - Parameter dryRun: only tells which.
  package func prune(dryRun: Bool) throws(Failure) -> [PrunedImage] {
    if !dryRun { removeLeftScratch() }
    return try prune(byAge: true, keeping: nil, dryRun: dryRun)
  }

  func prune(byAge: Bool, keeping kept: String?, dryRun: Bool) throws(Failure) -> [PrunedImage] {
    let images = try list()
    var pruned: [PrunedImage] = []
    var total = images.reduce(0) { $0 + $1.diskBytes }
    // What is of no use goes before what only takes room.
    let byUse = images.reversed()
    for image in byUse.filter({ $0.condition != .fresh }) + byUse.filter({ $0.condition == .fresh })
    where image.key != kept {
      let reason: PrunedImage.Reason
      switch image.condition {
      case .broken: reason = .broken
      case .old where byAge: reason = .age(days: image.ageDays)
      case .old, .fresh:
        guard let maxSize, total > maxSize else { continue }
        reason = .size
      }
      guard try discard(image.key, dryRun: dryRun) else { continue }
      total -= image.diskBytes
      pruned.append(PrunedImage(key: image.key, reason: reason, diskBytes: image.diskBytes))
    }
    return pruned
  }

  /// Removes one image; false when it is in use or being built.
  private func discard(_ key: String, dryRun: Bool) throws(Failure) -> Bool {
    guard let lock = try FileLock.attempt(lockPath(key)) else { return false }
    let images = try Folder(imagesPath)
    if let folder = try? Folder(key, in: images) {
      guard try folder.descriptor.lock(.exclusive, waits: false) else { return false }
      if !dryRun {
        // Out of sight in one step: an image that is half removed would be a broken one.
        let scratch = try newScratch()
        try images.move(key, to: scratch.folder, as: "old")
        scratch.remove()
      }
    } else if !dryRun {
      try images.remove(key)
    }
    if !dryRun { try lock.remove() }
    return true
  }

  private func diskBytes(_ key: String) throws(Failure) -> UInt64 {
    guard let folder = try? Folder(through: key, in: Folder(imagesPath)) else { return 0 }
    var bytes: UInt64 = 0
    for name in [ImageEntry.imageFile, ImageEntry.piecesFile, ImageEntry.manifestFile] {
      if let status = try? folder.status(of: name) { bytes += UInt64(status.st_blocks) * 512 }
    }
    return bytes
  }
}
