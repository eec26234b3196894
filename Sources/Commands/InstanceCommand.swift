// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

struct InstanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "instance", abstract: "Create and rename instances by the scripts of an OS definition.",
    subcommands: [InstanceCreateCommand.self, InstanceRenameCommand.self])
}
