// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Images
internal import Interface
internal import Report

/// What the root filesystem of a guest is a copy of.
enum GuestSource {
  /// A system of packages.
  case packages(ImageRecipe)
  /// A root filesystem that somebody publishes.
  case published(DiskImage)

  /// - Throws: `.invalid` where the guest is to boot by itself and can't.
  init(_ configuration: Configuration, for request: Request) throws(Failure) {
    guard let image = try DiskImage(configuration) else {
      let isBootable = configuration.bootsByItself(request)
      self = .packages(try ImageRecipe(configuration.imageRequest(isBootable: isBootable)))
      return
    }
    guard configuration.layout != .gpt else {
      throw Failure(
        .invalid, "\(image.words) is a root filesystem, without the boot loaders that layout = gpt takes",
        remedy: "set layout = \"none\", and have the host start a kernel; or name the image of a disk")
    }
    self = .published(image)
  }

  /// Whether the disk of the guest boots by itself.
  var isBootable: Bool {
    switch self {
    case .packages(let recipe): recipe.isBootable
    case .published: false
    }
  }

  /// What a filesystem of the guest may have.
  func options(_ configuration: Configuration) -> FilesystemOptions {
    switch self {
    case .packages(let recipe): configuration.filesystemOptions.readable(bySuite: recipe.suite)
    // Which release it is is known only when it is unpacked.
    case .published: configuration.filesystemOptions.readable(bySuite: "")
    }
  }

  /// As `--dry-run` tells it.
  var words: String {
    switch self {
    case .packages(let recipe): "\(recipe.suite) for \(recipe.architecture), image \(recipe.key.prefix(12))"
    case .published(let image): image.words
    }
  }

  /// Nobody chose its packages for this: what it lacks is told, and left out.
  var isForeign: Bool { if case .published = self { true } else { false } }

  /// The image to copy.
  ///
  /// - Parameter beforeMaking: called first where that may take its time.
  func obtain(
    from store: ImageStore, _ surroundings: Surroundings, _ steps: Steps, beforeMaking: () throws(Failure) -> Void
  ) throws(Failure) -> ImageEntry {
    switch self {
    case .packages(let recipe):
      return try store.obtain(recipe, steps: steps, maker: surroundings.maker, beforeBuilding: beforeMaking)
    case .published(let image):
      try beforeMaking()
      let entry = try image.obtain(from: store, workers: surroundings.workers, steps: steps)
      guard entry.manifest.origin?.isTree == true else {
        throw Failure(.io, "the image \(entry.manifest.key) is not one of a root filesystem")
      }
      return entry
    }
  }
}
