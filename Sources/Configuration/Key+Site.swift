// SPDX-License-Identifier: Apache-2.0

extension Key {
  /// What a site adds to its guests. They name files that root reads on this machine: no instance may say which.
  static let site = [
    Key(
      "files", .text(\.files, Rules.isAbsolutePath),
      "a folder of this machine whose files each new guest gets, in place of its own; those that end in .tmpl are filled in",
      "an absolute path", example: .text("/etc/guestsmith/files/web"), isParameter: false),
    Key(
      "first_boot", .list(\.firstBoot, of: .words, Rules.isAbsolutePath),
      "scripts of this machine that each new guest runs once, in this order, as root when its network is there",
      "a list of absolute paths", isParameter: false),
  ]
}
