// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct BackupRemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove the export of an instance.",
    discussion: """
      The instance stays as it is, and so do exports outside of the state folder.

      Example:
        guestsmith backup remove vm1.example.com --dry-run
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @OptionGroup var options: StateOption

  @OptionGroup var mode: DryRunOption

  func run() throws {
    let node = options.node()
    let folder = try node.export(named: InstanceName(name).text)
    guard mode.isDry else { return try node.removeBackup(name) }
    try writeOutput(["would remove \(folder.escaped)"])
  }
}
