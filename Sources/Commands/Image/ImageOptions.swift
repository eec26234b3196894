// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration
internal import Glibc
internal import Images
internal import Provider
internal import Report

/// Which configuration the images are those of.
struct ImageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The guestsmith.toml to use, such as that of an OS definition, or its folder.",
      discussion: "By default \(Configuration.systemDirectory)/\(Configuration.fileName), or the defaults.",
      valueName: "path"))
  var config: String?

  @Option(help: "The variant to apply to it.")
  var variant: String?

  func store() throws(Failure) -> ImageStore { try configuration().imageStore() }

  static let namesNoImage = Failure(
    .invalid, "the configuration names no image", remedy: "set image, or name a variant that does with --variant")

  /// Of the images that its guests are made from.
  ///
  /// - Parameter cannotBe: told of one that a host may ask for and this machine can't make.
  static func recipes(
    of configuration: Configuration, _ cannotBe: (Failure) -> Void
  ) throws(Failure) -> [ImageRecipe] {
    guard configuration.image == nil else {
      throw Failure(
        .invalid, "the image for the configuration is not built here: it is fetched",
        remedy: "use guestsmith image pull")
    }
    let requests = configuration.imageRequests
    var recipes = [try ImageRecipe(requests[0])]
    for request in requests.dropFirst() {
      do throws(Failure) { recipes.append(try ImageRecipe(request)) } catch { cannotBe(error) }
    }
    return recipes
  }

  func configuration() throws(Failure) -> Configuration { try configuration(ofVariant: variant) }

  func configuration(ofVariant variant: String?) throws(Failure) -> Configuration {
    try Configuration.load(definitionDirectory: folder(), variant: variant)
  }

  /// The variants that are there, and nil for what is configured without one.
  func variants() throws(Failure) -> [String?] {
    [nil] + Configuration.variants(definitionDirectory: try folder()).map { $0 }
  }

  /// The folder of the file that was named, which has to be there.
  private func folder() throws(Failure) -> String? {
    guard var path = config else { return nil }
    let suffix = "/\(Configuration.fileName)"
    if path == Configuration.fileName { path = "." }
    if path.hasSuffix(suffix) { path.removeLast(suffix.count) }
    guard access(path + suffix, R_OK) == 0 else {
      throw Failure(
        .invalid, "cannot read \(path)\(suffix): \(String(cString: strerror(errno)))",
        remedy: "name a file \(Configuration.fileName), or the folder it is in")
    }
    return path
  }
}
