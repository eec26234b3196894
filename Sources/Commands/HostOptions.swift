// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Report

/// Where OS definitions are looked for.
struct SearchPathOption: ParsableArguments {
  @Option(
    name: .customLong("search-path"),
    help: ArgumentHelp(
      "Folders with OS definitions; the first match wins. May be repeated.",
      discussion: "Without it: \(SearchPath.standard.folders.joined(separator: ":"))", valueName: "dir:dir..."))
  var folders: [String] = []

  var searchPath: SearchPath { folders.isEmpty ? .standard : SearchPath(folders) }
}

/// What every command that runs a script takes.
struct ScriptOptions: ParsableArguments {
  @Option(help: "The OS definition to use, as guestsmith os list shows it.")
  var os: String

  @OptionGroup var search: SearchPathOption

  @Option(help: ArgumentHelp("Folder for the logs of the scripts, which go into its folder os.", valueName: "dir"))
  var logDir = Node.standardLogFolder

  @Flag(name: .shortAndLong, help: "Show no progress, only failures.")
  var quiet = false

  func node() -> Node {
    Node(searchPath: search.searchPath, logFolder: logDir, steps: .forStandardError(quiet: quiet))
  }
}
