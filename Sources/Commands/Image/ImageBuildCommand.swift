// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Images
internal import Report

struct ImageBuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Build the images for the configuration, unless they are in the cache.",
    discussion: """
      Does what creating the first instance would do: builds an image that is missing, broken or too old from packages \
      with mmdebstrap, and leaves a good one alone. Guests that boot by themselves have an image of their own: with \
      layout = "auto", where the host says which it wants, both are built. Prints the path of each.

      Example:
        guestsmith image build
      """)

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let steps = progress.steps
    let store = try options.store()
    let recipes = try options.recipes { steps.note("no image of disks that boot by themselves: \($0.message)") }
    var built: [(manifest: ImageManifest, path: String, isNew: Bool)] = []
    for recipe in recipes {
      let start = Timestamp.now
      let entry = try store.obtain(recipe, steps: steps)
      let isNew = entry.manifest.created >= start
      if !isNew { steps.note("the image of \(entry.manifest.created.text) is in the cache") }
      built.append((entry.manifest, entry.path, isNew))
    }
    try output.write(
      .array(
        built.map { ["key": .string($0.manifest.key), "path": .string($0.path), "built": .bool($0.isNew)] }),
      else: built.map(\.path))
  }
}
