// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Images
internal import Report

struct ImageVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read whole images and compare them with their digests.",
    discussion: """
      Without IMAGE, all in the cache. One that differs is marked, and rebuilt when it is next needed. The exit status \
      is 1 if an image is broken.

      Example:
        guestsmith image verify
      """)

  @Argument(help: "The keys of images, as guestsmith image list shows them, or their beginnings.")
  var images: [String] = []

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  @OptionGroup var progress: ProgressOptions

  func run() throws {
    let store = try options.store()
    let steps = progress.steps
    var keys: [String] = []
    for image in images { keys.append(try store.key(beginningWith: image)) }
    if images.isEmpty { keys = try store.keys() }
    var results: [(key: String, reason: String?)] = []
    for key in keys { results.append((key, try store.reasonAgainst(key, steps: steps))) }
    let told = results.map { result -> JSON in
      ["key": .string(result.key), "whole": .bool(result.reason == nil), "reason": .optional(result.reason)]
    }
    try output.write(
      .array(told), else: Table(results.map { [$0.key, $0.reason.map { "broken: \($0)" } ?? "whole"] }).lines)
    if results.contains(where: { $0.reason != nil }) { throw ExitCode(Failure.Code.io.rawValue) }
  }
}

extension ImageStore {
  /// What is wrong with an image; nil when every used byte of it is what it was.
  func reasonAgainst(_ key: String, steps: Steps) throws(Failure) -> String? {
    do throws(Failure) {
      guard let entry = try entry(key) else { return "it is no longer in the cache" }
      do throws(Failure) {
        try steps.step("verifying \(key.prefix(12))") { progress throws(Failure) in
          try entry.verify(progress: progress)
        }
        return nil
      } catch {
        guard error.code == .io else { throw error }
        try entry.reject()
        return error.message
      }
    } catch {
      guard error.code == .io else { throw error }
      return error.message
    }
  }
}
