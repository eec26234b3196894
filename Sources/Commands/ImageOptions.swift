// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Glibc
internal import Images
internal import Report

/// Which configuration the images are those of.
struct ImageOptions: ParsableArguments {
  func store() throws(Failure) -> ImageStore {
    try ImageStore(
      folder: getenv("GSCACHE").map { String(cString: $0) } ?? "/var/cache/guestsmith", maxAgeDays: 30, maxSize: nil)
  }

  func recipe() throws(Failure) -> ImageRecipe {
    try ImageRecipe(ImageRequest())
  }
}
