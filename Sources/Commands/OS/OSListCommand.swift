// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Report

struct OSListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the valid OS definitions, as gnt-os list does.",
    discussion: """
      Each line is a name that an instance can be created with: the name of a definition, or name+variant for each of \
      its variants. What is not valid is left out; guestsmith os diagnose says why.

      Example:
        guestsmith os list --search-path /srv/ganeti/os
      """)

  @OptionGroup var search: SearchPathOption

  @Flag(help: "Leave the line with the column's name out.")
  var noHeaders = false

  @OptionGroup var output: OutputOptions

  func run() throws {
    let inventory = search.searchPath.inventory()
    inventory.tellUnreadable()
    try output.write(inventory.listJSON(), else: inventory.list(headers: !noHeaders))
  }
}

extension Inventory {
  /// Folders that could not be read hide nothing but themselves; that they did goes to standard error.
  func tellUnreadable() {
    let steps = Steps(.plain)
    for words in unreadable { steps.note("guestsmith: \(words)") }
  }
}
