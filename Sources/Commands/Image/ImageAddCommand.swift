// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration
internal import Images
internal import Provider
internal import Report

struct ImageAddCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Put a local copy of a published image into the cache.",
    discussion: """
      For a machine that can't reach the source that the configuration names: FILE is taken as what is there. It is verified \
      as if it had been fetched; --sums and --signature name local copies of what the configuration names, and --digest or \
      --verify none say in its place why the file is believed. Guests are created from it until image_max_age_days ask \
      the source again. Prints the path of the image.

      Examples:
        guestsmith image add --variant debian-12-cloud --sums SHA512SUMS debian-12-generic-amd64.qcow2
        guestsmith image add --variant rocky-9 --digest sha256:9f86d0… Rocky-9.qcow2
      """)

  @Argument(help: "The file.", completion: .file())
  var file: String

  @Option(help: ArgumentHelp("The digest that the file must have.", valueName: "digest"))
  var digest: String?

  @Option(help: ArgumentHelp("A copy of the publisher's list of digests.", valueName: "path"))
  var sums: String?

  @Option(help: ArgumentHelp("A copy of the publisher's signature.", valueName: "path"))
  var signature: String?

  @Option(
    help: ArgumentHelp(
      "\"none\" takes a file about which nothing tells whether it is what its publisher made.", valueName: "none"))
  var verify: String?

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let steps = progress.steps
    let configuration = try options.configuration()
    guard let image = try DiskImage(configuration) else { throw ImageOptions.namesNoImage }
    let store = try configuration.imageStore()
    let known = try store.keys()
    let entry = try image.add(
      file, digest: digest, sums: sums, signature: signature, verify: verify, to: store,
      workers: commandWorkers(steps), steps: steps)
    let isNew = !known.contains(entry.manifest.key)
    if !isNew { steps.note("the image of \(entry.manifest.created.text) is in the cache") }
    try output.write(
      ["key": .string(entry.manifest.key), "path": .string(entry.path), "added": .bool(isNew)], else: [entry.path])
  }
}
