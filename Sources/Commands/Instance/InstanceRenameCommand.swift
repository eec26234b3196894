// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct InstanceRenameCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rename", abstract: "Rename an instance and the OS inside.",
    discussion: """
      Runs the rename script of the OS definition on copies of the disks, which replace the disks if it succeeds. The \
      script's output goes to a file in LOGDIR/os; if the script fails its last lines are shown, and the instance is as \
      it was before.

      Example:
        guestsmith instance rename vm1.example.com vm2.example.com
      """)

  @Argument(help: "The present name of the instance.")
  var oldName: String

  @Argument(help: "Its new name.")
  var newName: String

  @OptionGroup var mode: DryRunOption

  @OptionGroup var options: ScriptOptions

  func run() throws {
    let node = options.node()
    let (old, new) = (try InstanceName(oldName), try InstanceName(newName))
    guard !mode.isDry else { return try tell(node.planRename(old, to: new), "renamed") }
    try node.renameInstance(old, to: new)
  }
}
