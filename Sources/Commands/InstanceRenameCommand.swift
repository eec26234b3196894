// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Interface
internal import Report

struct InstanceRenameCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rename", abstract: "Give the OS inside an instance another name.",
    discussion: """
      Runs the rename script of the OS definition as Ganeti 1.2.6 does. The instance must not be running. What the \
      script says goes to LOGDIR/os/rename-OS-OLD-NEW-TIME.log; its last lines are shown if it fails.

      Example:
        guestsmith instance rename vm1.example.com vm2.example.com \\
            --os guestsmith --disk /srv/vm1.img --swap /srv/vm1.swap
      """)

  @Argument(help: "The name that the instance has.")
  var oldName: String

  @Argument(help: "The name that it is to have.")
  var newName: String

  @Option(help: ArgumentHelp("Root disk: a block device or a file.", valueName: "path"))
  var disk: String

  @Option(help: ArgumentHelp("Swap disk, likewise.", valueName: "path"))
  var swap: String

  @OptionGroup var options: ScriptOptions

  func run() throws {
    try options.node().renameInstance(
      InstanceName(oldName), to: InstanceName(newName), os: options.os, disk: DiskRequest(parsing: disk),
      swap: DiskRequest(parsing: swap))
  }
}
