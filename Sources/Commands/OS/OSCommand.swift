// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

struct OSCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "os", abstract: "List, check, install and adapt OS definitions.",
    subcommands: [
      OSListCommand.self, OSDiagnoseCommand.self, OSCheckCommand.self, OSInstallCommand.self, OSAdaptCommand.self,
    ])
}
