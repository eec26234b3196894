// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct InstanceRenameCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rename", abstract: "Give an instance, and the OS inside, another name.",
    discussion: """
      Runs the rename script of the OS definition on copies of the disks, which take the place of the disks when it has \
      ended well. What the script says goes to a file in LOGDIR/os; its last lines are shown if it fails, and then the \
      instance is as it was before.

      Example:
        guestsmith instance rename vm1.example.com vm2.example.com
      """)

  @Argument(help: "The name that the instance has.")
  var oldName: String

  @Argument(help: "The name that it is to have.")
  var newName: String

  @OptionGroup var options: ScriptOptions

  func run() throws {
    try options.node().renameInstance(InstanceName(oldName), to: InstanceName(newName))
  }
}
