// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration
internal import Images
internal import Provider
internal import Report

struct ImageBuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Build the images for the configuration, unless they are in the cache.",
    discussion: """
      Does what creating the first instance would do: builds an image that is missing, broken or too old from packages \
      with mmdebstrap, and leaves a good one alone. Guests that boot by themselves have an image of their own: with \
      layout = "auto", where the host says which it wants, both are built. Prints the path of each.

      With --all it does so for each variant, and fetches the images of those that name one. With --if-older it does so \
      only for images that are in the cache and older than image_max_age_days: what a timer keeps fresh. What fails \
      does not keep it from the others, and is the exit status.

      Examples:
        guestsmith image build
        guestsmith image build --all --if-older
      """)

  @Flag(help: "Also those of all variants.")
  var all = false

  @Flag(help: "Only those that are in the cache and too old.")
  var ifOlder = false

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func validate() throws {
    if all, options.variant != nil { throw ValidationError("--all takes no --variant") }
  }

  /// An image that is in the cache now.
  private struct Made {
    let key: String
    let path: String
    let isNew: Bool
  }

  func run() throws {
    let steps = progress.steps
    var made: [Made] = []
    var fault: Failure?
    for variant in try all ? options.variants() : [options.variant] {
      do throws(Failure) {
        for image in try images(ofVariant: variant, steps) where !made.contains(where: { $0.key == image.key }) {
          made.append(image)
        }
      } catch {
        guard all else { throw error }
        steps.note("\(variant.map { "variant \($0)" } ?? "without a variant"): \(error.message)")
        if fault == nil { fault = error }
      }
    }
    try output.write(
      .array(made.map { ["key": .string($0.key), "path": .string($0.path), "built": .bool($0.isNew)] }),
      else: made.map(\.path))
    if let fault { throw fault }
  }

  private func images(ofVariant variant: String?, _ steps: Steps) throws(Failure) -> [Made] {
    let configuration = try options.configuration(ofVariant: variant)
    let store = try configuration.imageStore()
    if all, let image = try DiskImage(configuration) {
      if ifOlder, try !image.isOld(in: store) { return [] }
      let known = try store.keys()
      let entry = try image.obtain(from: store, workers: commandWorkers(steps), steps: steps)
      return [Made(key: entry.manifest.key, path: entry.path, isNew: !known.contains(entry.manifest.key))]
    }
    let recipes: [ImageRecipe]
    do throws(Failure) {
      recipes = try ImageOptions.recipes(of: configuration) {
        steps.note("no image of disks that boot by themselves: \($0.message)")
      }
    } catch {
      // A variant whose keyring is missing here, say, has no image to refresh.
      guard ifOlder else { throw error }
      steps.note("\(variant.map { "variant \($0)" } ?? "without a variant"), left out: \(error.message)")
      return []
    }
    var made: [Made] = []
    for recipe in recipes {
      if ifOlder, try !store.isOld(recipe.key) { continue }
      let start = Timestamp.now
      let entry = try store.obtain(recipe, steps: steps)
      let isNew = entry.manifest.created >= start
      if !isNew { steps.note("the image of \(entry.manifest.created.text) is in the cache") }
      made.append(Made(key: entry.manifest.key, path: entry.path, isNew: isNew))
    }
    return made
  }
}
