// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Interface
internal import Report

struct BackupExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a dump of an instance's disk to a file.",
    discussion: """
      Runs the export script of the OS definition as Ganeti 1.2.6 does, and stores what it writes as it is. The file \
      is replaced when the dump is whole and on the disk, never before. What the script says goes to \
      LOGDIR/os/exp-OS-NAME-TIME.log; its last lines are shown if it fails.

      Example:
        guestsmith backup export vm1.example.com --os guestsmith \\
            --disk /srv/vm1.img --to /srv/vm1.dump
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @Option(help: ArgumentHelp("Disk to dump: a block device or a file.", valueName: "path"))
  var disk: String

  @Option(help: ArgumentHelp("File to write.", valueName: "file"))
  var to: String

  @OptionGroup var options: ScriptOptions

  func run() throws {
    try options.node().exportBackup(
      of: InstanceName(name), os: options.os, disk: DiskRequest(parsing: disk), to: to)
  }
}
