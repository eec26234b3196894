// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Images
internal import Report

struct ImageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "image", abstract: "Manage the golden images that new instances are copied from.",
    discussion: """
      An image is a filesystem with a freshly bootstrapped system, built once for each configuration, or a \
      published disk, fetched and verified once; both are kept in the cache. The first create that needs one makes it, or \
      guestsmith image build and guestsmith image pull do so ahead of time.
      """,
    subcommands: [
      ImageListCommand.self, ImageBuildCommand.self, ImagePullCommand.self, ImageShowCommand.self,
      ImageVerifyCommand.self, ImagePruneCommand.self, ImageAddCommand.self, ImageExportCommand.self,
      ImageImportCommand.self,
    ])
}

extension ImageStore {
  /// The one image whose key begins with `prefix`.
  func key(beginningWith prefix: String) throws(Failure) -> String {
    let matches = try keys().filter { $0.hasPrefix(prefix) }
    guard matches.count == 1 else {
      let found = matches.isEmpty ? "no image begins" : "\(matches.count) images begin"
      throw Failure(.invalid, "\(found) with \(prefix.quoted)", remedy: "guestsmith image list shows the images")
    }
    return matches[0]
  }
}
