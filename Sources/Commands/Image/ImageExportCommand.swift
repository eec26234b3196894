// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration
internal import Images
internal import LinuxIO
internal import Provider
internal import Report

struct ImageExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write an image of the cache to a file, for the caches of other machines.",
    usage: "guestsmith image export [<image>] <file> [--config <path>] [--variant <variant>] [--json] [--quiet]",
    discussion: """
      The file has the used blocks of the image with their digests, packed by zstd, and what the image was made from: \
      guestsmith image import puts it into another cache, where a create then needs no network. Every byte is compared with its \
      digest on the way. Without IMAGE, that of the configuration. Prints the digest of the file.

      Examples:
        guestsmith image export --variant rocky-9 rocky-9.gsi
        guestsmith image export 3f9a - | ssh node2 guestsmith image import -
      """)

  @Argument(
    help: ArgumentHelp(
      "The key of the image, or its beginning: guestsmith image list; and the file, or - for standard output.",
      valueName: "image|file"))
  var words: [String]

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func validate() throws {
    guard (1...2).contains(words.count) else {
      throw ValidationError("give the file, or the key of an image and the file")
    }
  }

  func run() throws {
    let steps = progress.steps
    let configuration = try options.configuration()
    let store = try configuration.imageStore()
    let key = words.count == 2 ? try store.key(beginningWith: words[0]) : try key(of: configuration, in: store)
    guard let entry = try store.entry(key) else {
      throw Failure(
        .invalid, "the image \(key) has gone from the cache", remedy: "guestsmith image list shows the images")
    }
    let transfer = ImageTransfer(store, workers: try commandWorkers(steps), threads: configuration.workers)
    let file = words.last ?? "-"
    guard file != "-" else {
      let output = try StandardStream.output.open()
      guard !output.isTerminal else {
        throw Failure(.usage, "refusing to write an image to a terminal", remedy: "send it to a file or a pipe")
      }
      return try transfer.write(entry, to: output, steps)
    }
    let exported = try transfer.export(entry, to: file, steps)
    try output.write(
      [
        "key": .string(key), "path": .string(file), "size": .integer(Int(exported.size)),
        "digest": .string(exported.digest),
      ], else: ["\(exported.digest)  \(file)"])
  }

  private func key(of configuration: Configuration, in store: ImageStore) throws(Failure) -> String {
    let keys: [String]
    let remedy: String
    if let image = try DiskImage(configuration) {
      keys = [try image.keyOfKnown(in: store)].compactMap { $0 }
      remedy = "fetch it with guestsmith image pull"
    } else {
      let known = try store.keys()
      keys = try ImageOptions.recipes(of: configuration) { _ in }.map(\.key).filter { known.contains($0) }
      remedy = "build it with guestsmith image build"
    }
    guard let key = keys.first else {
      throw Failure(.invalid, "the image for the configuration is not in the cache \(store.folder)", remedy: remedy)
    }
    guard keys.count == 1 else {
      throw Failure(
        .invalid, "the configuration has two images: \(Words.list(keys.map { String($0.prefix(12)) }))",
        remedy: "name the one, before the file")
    }
    return key
  }
}
