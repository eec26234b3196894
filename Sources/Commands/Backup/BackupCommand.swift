// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Export and import the instances of this machine.",
    subcommands: [
      BackupExportCommand.self, BackupImportCommand.self, BackupListCommand.self, BackupVerifyCommand.self,
      BackupDrillCommand.self, BackupRemoveCommand.self,
    ])
}
