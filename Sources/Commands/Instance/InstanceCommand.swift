// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

struct InstanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "instance", abstract: "Create, change and boot instances on this machine.",
    subcommands: [
      InstanceCreateCommand.self, InstanceReinstallCommand.self, InstanceRenameCommand.self, InstanceListCommand.self,
      InstanceInfoCommand.self, InstanceBootCommand.self, InstanceRemoveCommand.self,
    ])
}
