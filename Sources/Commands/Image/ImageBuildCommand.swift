// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Images
internal import Report

struct ImageBuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Build the image for the configuration, unless it is in the cache.",
    discussion: """
      Does what creating the first instance would do: builds an image that is missing, broken or too old from packages \
      with mmdebstrap, and leaves a good one alone. Prints the path of the image. Guests that boot by themselves have an \
      image of their own, which this builds where the configuration says layout = "gpt".

      Example:
        guestsmith image build
      """)

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let steps = progress.steps
    let start = Timestamp.now
    let entry = try options.store().obtain(options.recipe(), steps: steps)
    let isNew = entry.manifest.created >= start
    if !isNew { steps.note("the image of \(entry.manifest.created.text) is in the cache") }
    try output.write(
      ["key": .string(entry.manifest.key), "path": .string(entry.path), "built": .bool(isNew)], else: [entry.path])
  }
}
