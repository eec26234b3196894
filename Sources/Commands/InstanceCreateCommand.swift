// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Interface
internal import Report

struct InstanceCreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Install an OS onto the disks of a new instance.",
    discussion: """
      Runs the create script of the OS definition as Ganeti 1.2.6 does. A disk that is not there is made as a sparse \
      file of the size given, and removed again if the script fails. What the script says goes to \
      LOGDIR/os/add-OS-NAME-TIME.log; its last lines are shown if it fails.

      Example:
        guestsmith instance create vm1.example.com --os guestsmith \\
            --disk /srv/vm1.img:10G --swap /srv/vm1.swap:1G
      """)

  @Argument(help: "The name of the instance: a host name.")
  var name: String

  @Option(
    help: ArgumentHelp("Root disk: a block device or a file; SIZE as 10G, 512M or MiB.", valueName: "path[:size]"))
  var disk: String

  @Option(help: ArgumentHelp("Swap disk, likewise.", valueName: "path[:size]"))
  var swap: String

  @OptionGroup var options: ScriptOptions

  @Flag(help: "Overwrite disks that are not empty.")
  var force = false

  func run() throws {
    try options.node().createInstance(
      InstanceName(name), os: options.os, disk: DiskRequest(parsing: disk), swap: DiskRequest(parsing: swap),
      force: force)
  }
}
