// SPDX-License-Identifier: Apache-2.0
package import Report

/// How an image is made: a system from packages as a tar file, then a filesystem with that system in it.
package struct ImageMaker: Sendable {
  /// Makes the tar file `tar`; everything temporary goes into `scratch`. Returns the sources that it was made from.
  package typealias Bootstrapping =
    @Sendable (_ recipe: ImageRecipe, _ tar: String, _ scratch: String, StepProgress) throws(Failure) -> AptSources
  /// Makes the image file `image` from `tar`.
  package typealias Populating =
    @Sendable (_ recipe: ImageRecipe, _ image: String, _ tar: String, StepProgress) throws(Failure) -> PopulatedImage

  /// The room in bytes that it takes at most while it goes on.
  package var neededRoom: UInt64
  package var bootstrap: Bootstrapping
  package var populate: Populating

  package init(neededRoom: UInt64, bootstrap: @escaping Bootstrapping, populate: @escaping Populating) {
    self.neededRoom = neededRoom
    self.bootstrap = bootstrap
    self.populate = populate
  }

  /// By mmdebstrap and libext2fs.
  package static let standard = ImageMaker(
    neededRoom: Bootstrap.neededRoom,
    bootstrap: { recipe, tar, scratch, progress throws(Failure) in
      try Bootstrap(recipe, scratch: scratch).run(into: tar, progress: progress)
    },
    populate: { recipe, image, tar, progress throws(Failure) in
      try Images.populate(image: image, fromTar: tar, options: recipe.filesystem, progress: progress)
    })
}
