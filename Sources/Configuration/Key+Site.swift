// SPDX-License-Identifier: Apache-2.0

extension Key {
  /// What a site adds to its guests. They name files that root reads on this machine: no instance may say which.
  static let site = [
    Key(
      "debconf", .list(\.debconf, of: .lines, Rules.isDebconf),
      "answers to what packages ask while they are configured, or files of this machine with such lines",
      "a list of lines \"PACKAGE QUESTION TYPE VALUE\" and of absolute paths", isSecret: true, isParameter: false),
    Key(
      "build_hook", .text(\.buildHook, Rules.isAbsolutePath),
      "a program of this machine that changes the tree of an image of packages while that is built; the tree is its argument",
      "an absolute path", example: .text("/etc/guestsmith/hooks/site"), isParameter: false),
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
