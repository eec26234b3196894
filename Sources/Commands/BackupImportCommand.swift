// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Interface
internal import Report

struct BackupImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Restore a dump onto the disks of a new instance.",
    discussion: """
      Runs the import script of the OS definition as Ganeti 1.2.6 does, with the dump as its standard input. A disk \
      that is not there is made as a sparse file of the size given, and removed again if the script fails. What the \
      script says goes to LOGDIR/os/import-OS-NAME-TIME.log; its last lines are shown if it fails.

      Example:
        guestsmith backup import vm2.example.com --os guestsmith \\
            --disk /srv/vm2.img:10G --swap /srv/vm2.swap:1G --from /srv/vm1.dump
      """)

  @Argument(help: "The name of the instance: a host name.")
  var name: String

  @Option(
    help: ArgumentHelp("Root disk: a block device or a file; SIZE as 10G, 512M or MiB.", valueName: "path[:size]"))
  var disk: String

  @Option(help: ArgumentHelp("Swap disk, likewise.", valueName: "path[:size]"))
  var swap: String

  @Option(help: ArgumentHelp("Dump to read, as backup export wrote it.", valueName: "file"))
  var from: String

  @OptionGroup var options: ScriptOptions

  @Flag(help: "Overwrite disks that are not empty.")
  var force = false

  func run() throws {
    try options.node().importBackup(
      InstanceName(name), os: options.os, disk: DiskRequest(parsing: disk), swap: DiskRequest(parsing: swap),
      from: from, force: force)
  }
}
