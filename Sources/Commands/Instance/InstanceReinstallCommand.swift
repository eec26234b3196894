// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct InstanceReinstallCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reinstall", abstract: "Install the OS of an instance anew, or another one.",
    discussion: """
      Runs the create script on copies of the disks, and puts them in the place of the disks when it has ended well: \
      an instance whose reinstallation fails is as it was before. Disks that are adopted are changed in their place. \
      Parameters that are not given stay as they are, unless the OS is another one; secret ones are to be given again.

      Example:
        guestsmith instance reinstall vm1.example.com -o guestsmith+trixie
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @Option(
    name: [.customShort("o"), .customLong("os")],
    help: ArgumentHelp("Another OS, as guestsmith os list shows it.", valueName: "name[+variant]"))
  var os: String?

  @OptionGroup var parameters: ParameterOptions

  @OptionGroup var options: ScriptOptions

  func run() throws {
    try options.node().reinstallInstance(InstanceName(name), os: os, parameters: parameters.all())
  }
}
