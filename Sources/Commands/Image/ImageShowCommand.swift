// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration
internal import Images
internal import Provider
internal import Report

struct ImageShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show what an image is, and when and from what it was built.",
    discussion: """
      Without IMAGE, that of the configuration, built or fetched, and the one of disks without partitions where it has \
      two. JSON is the whole manifest.

      Examples:
        guestsmith image show 3f9a
        guestsmith image show --variant rocky-9
      """)

  @Argument(help: "The key of the image, as guestsmith image list shows it, or its beginning.")
  var image: String?

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  func run() throws {
    let configuration = try options.configuration()
    let store = try configuration.imageStore()
    let key = if let image { try store.key(beginningWith: image) } else { try configuredKey(configuration, in: store) }
    guard let entry = try store.entry(key) else {
      throw missing(from: store, remedy: "build it with guestsmith image build")
    }
    let listed = try store.list().first { $0.key == key }
    try output.write(entry.manifest.json, else: entry.manifest.lines(path: entry.path, listed: listed))
  }

  private func configuredKey(_ configuration: Configuration, in store: ImageStore) throws(Failure) -> String {
    guard let image = try DiskImage(configuration) else {
      let recipes = try ImageOptions.recipes(of: configuration) { _ in }
      return recipes[0].key
    }
    guard let key = try image.keyOfKnown(in: store) else {
      throw missing(from: store, remedy: "fetch it with guestsmith image pull")
    }
    return key
  }

  private func missing(from store: ImageStore, remedy: String) -> Failure {
    Failure(.invalid, "the image for the configuration is not in the cache \(store.folder)", remedy: remedy)
  }
}

extension ImageManifest {
  /// The manifest as a person reads it.
  ///
  /// - Parameter listed: what the list knows of it.
  func lines(path: String, listed: ListedImage?) -> [String] {
    let age = listed.map { " (\($0.state), \($0.ageDays) days old)" } ?? ""
    if let origin { return lines(of: origin, path: path, age: age, listed: listed) }
    var rows = [
      ["image", key],
      ["system", "\(suite) for \(architecture), \(packages.count) packages"],
      ["built", "\(created.text) in \(Words.duration(.seconds(buildSeconds)))\(age)"],
    ]
    if let used = listed?.lastUsed { rows.append(["last used", used.text]) }
    rows += [
      ["filesystem", filesystemWords],
      ["content", "\(files) files, \(Words.bytes(usedBytes)) to copy, \(Words.bytes(size)) at least for the disk"],
      ["path", path],
    ]
    if let listed { rows.append(["on disk", Words.bytes(listed.diskBytes)]) }
    rows.append(["SHA-256", digest])
    rows.append(["asked for", requested.first ?? ""])
    rows += requested.dropFirst().map { ["", $0] }
    if let buildHook { rows.append(["build hook", "\(buildHook.path), sha256:\(buildHook.digest)"]) }
    rows += sources.split(separator: "\n", omittingEmptySubsequences: false).dropLast().enumerated().map {
      [$0 == 0 ? "sources" : "", String($1)]
    }
    let list = Table(packages.map { [$0.name, $0.version, $0.architecture] }).lines
    rows += list.enumerated().map { [$0 == 0 ? "packages" : "", $1] }
    return Table(rows).lines
  }

  private func lines(of origin: ImageOrigin, path: String, age: String, listed: ListedImage?) -> [String] {
    var rows = [
      ["image", key], ["source", "\(origin.source), \(origin.format)"], ["digest", origin.digest],
      ["verified by", origin.trust], ["signed by", origin.signer ?? "-"],
      ["fetched", "\(created.text) in \(Words.duration(.seconds(buildSeconds)))\(age)"],
      ["root", origin.root ?? "not known"],
      ["content", "\(Words.bytes(usedBytes)) to copy, \(Words.bytes(origin.end)) at least for the disk"],
      ["path", path],
    ]
    if origin.isTree { rows.append(["system", "\(suite), \(files) files, \(packages.count) packages of Debian"]) }
    if let used = listed?.lastUsed { rows.append(["last used", used.text]) }
    if let listed { rows.append(["on disk", Words.bytes(listed.diskBytes)]) }
    return Table(rows).lines
  }
}
