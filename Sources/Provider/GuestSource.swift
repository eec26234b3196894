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
  case published(DiskImage, boots: Bool)

  /// - Throws: `.invalid` or `.tool` where the guest is to boot by itself and can't.
  init(_ configuration: Configuration, for request: Request) throws(Failure) {
    guard let image = try DiskImage(configuration) else {
      let isBootable = configuration.bootsByItself(request)
      self = .packages(try ImageRecipe(configuration.imageRequest(isBootable: isBootable)))
      return
    }
    // Whether there is a kernel in it is not known yet: auto leaves it to the host.
    let boots = configuration.layout == .gpt
    if boots {
      let firmware = configuration.firmware
      try HostBootLoaders.refuseMissing(bios: firmware.contains(.bios), uefi: firmware.contains(.uefi))
    }
    self = .published(image, boots: boots)
  }

  /// Whether the disk of the guest boots by itself.
  var isBootable: Bool {
    switch self {
    case .packages(let recipe): recipe.isBootable
    case .published(_, let boots): boots
    }
  }

  /// What its firmware starts, where that does not come with the image.
  func loaders(_ configuration: Configuration) throws(Failure) -> HostBootLoaders? {
    guard case .published(_, boots: true) = self else { return nil }
    let firmware = configuration.firmware
    return try HostBootLoaders(
      bios: firmware.contains(.bios), uefi: firmware.contains(.uefi), in: configuration.imageStore())
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
    case .published(let image, _): image.words
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
    case .published(let image, _):
      try beforeMaking()
      let entry = try image.obtain(from: store, workers: surroundings.workers, steps: steps)
      guard entry.manifest.origin?.isTree == true else {
        throw Failure(.io, "the image \(entry.manifest.key) is not one of a root filesystem")
      }
      return entry
    }
  }
}
