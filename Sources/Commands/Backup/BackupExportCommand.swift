// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct BackupExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Export an instance.",
    discussion: """
      Runs the export script of the OS definition for each disk, all at the same time, on copies of the disks. What \
      they write is kept as it is, beside a config.ini, in STATE/exports/NAME: gnt-backup import takes that folder. The \
      last export is replaced when the new one is whole and on the disk, never before.

      Example:
        guestsmith backup export vm1.example.com
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @OptionGroup var options: ScriptOptions

  func run() throws {
    try options.node().exportBackup(of: InstanceName(name))
  }
}
