// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct InstanceRemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove an instance and its disks.",
    discussion: """
      Adopted disks and exports stay as they are.

      Example:
        guestsmith instance remove vm1.example.com --dry-run
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @OptionGroup var options: StateOption

  @OptionGroup var mode: DryRunOption

  func run() throws {
    let (name, node) = (try InstanceName(name), options.node())
    guard mode.isDry else { return try node.removeInstance(name) }
    let (removed, kept) = try node.planRemoval(of: name)
    try writeOutput(removed.map { "would remove \($0.escaped)" } + kept.map { "would keep \($0.escaped)" })
  }
}
