// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Images
internal import Report

struct ImageBuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Build the image that the configuration asks for, unless the cache has it.",
    discussion: """
      What creating the first instance would do: an image that is missing, broken or too old is built from packages \
      by mmdebstrap, one that is fine is left as it is. Prints the path of the image.

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
