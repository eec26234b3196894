// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

struct InstanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "instance", abstract: "Keep instances on this machine, by the scripts of OS definitions.",
    subcommands: [
      InstanceCreateCommand.self, InstanceReinstallCommand.self, InstanceRenameCommand.self, InstanceListCommand.self,
      InstanceInfoCommand.self, InstanceBootCommand.self, InstanceRemoveCommand.self,
    ])
}
