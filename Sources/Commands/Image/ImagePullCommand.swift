// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Images
internal import Provider
internal import Report

struct ImagePullCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull", abstract: "Fetch the disk image that the configuration names, unless it is in the cache.",
    discussion: """
      Asks the publisher's list of digests first: an image that the cache has by its digest is not fetched again. What is \
      fetched is verified, and kept as its used blocks. Where that fails, the image that there is stays in use. Prints the path.

      Example:
        guestsmith image pull --variant rocky-9
      """)

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let steps = progress.steps
    guard let image = try DiskImage(options.configuration()) else { throw ImageOptions.namesNoImage }
    let store = try options.store()
    let known = try store.keys()
    let entry = try image.obtain(
      from: store, asks: true, workers: commandWorkers(steps), steps: steps)
    let isNew = !known.contains(entry.manifest.key)
    if !isNew { steps.note("the image of \(entry.manifest.created.text) is in the cache") }
    try output.write(
      ["key": .string(entry.manifest.key), "path": .string(entry.path), "fetched": .bool(isNew)], else: [entry.path])
  }
}
