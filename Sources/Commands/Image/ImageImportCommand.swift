// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration
internal import Glibc
internal import Images
internal import LinuxIO
internal import Provider
internal import Report
internal import Sources

struct ImageImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Put an image that another machine has exported into the cache.",
    discussion: """
      It is the same image there, with the same key and digests, all of which are compared before it is used; another one \
      of its key makes room for it. Guests whose configuration is that of the other machine are created from it without \
      the network. What the file says it was made from is believed: take one only from a machine that you trust, or \
      compare its digest. Prints the path of the image.

      Examples:
        gnt-cluster copyfile /root/rocky-9.gsi && gnt-cluster command guestsmith image import /root/rocky-9.gsi
      """)

  @Argument(help: "The file, or - for standard input.", completion: .file())
  var file: String

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let steps = progress.steps
    let configuration = try options.configuration()
    let store = try configuration.imageStore()
    let stream =
      file == "-"
      ? try IncomingStream.standardInput() : IncomingStream(reading: SharedDescriptor(try Descriptor(file, O_RDONLY)))
    let taken = try ImageTransfer(store, workers: try commandWorkers(steps), threads: configuration.workers)
      .take(stream, steps)
    guard let entry = try store.entry(taken.key) else {
      throw Failure(.io, "the image \(taken.key) was changed as soon as it was imported")
    }
    if !taken.isNew { steps.note("the image of \(entry.manifest.created.text) is in the cache") }
    try output.write(
      ["key": .string(taken.key), "path": .string(entry.path), "imported": .bool(taken.isNew)], else: [entry.path])
  }
}
