// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct InstanceReinstallCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reinstall", abstract: "Reinstall the OS of an instance, or install another one.",
    discussion: """
      Runs the create script on copies of the disks, which replace the disks if it succeeds: if it fails, the instance \
      is as it was before. Adopted disks are changed in place. Parameters that are not given stay as they are, unless \
      the OS changes; secret ones must be given again.

      Example:
        guestsmith instance reinstall vm1.example.com -o guestsmith+debian-13
      """)

  @Argument(help: "The name of the instance.")
  var name: String

  @Option(
    name: [.customShort("o"), .customLong("os")],
    help: ArgumentHelp("Install this OS, as guestsmith os list shows it.", valueName: "name[+variant]"))
  var os: String?

  @OptionGroup var parameters: ParameterOptions

  @OptionGroup var mode: DryRunOption

  @OptionGroup var options: ScriptOptions

  func run() throws {
    let node = options.node()
    let name = try InstanceName(name)
    guard !mode.isDry else {
      return try tell(node.planReinstallation(name, os: os, parameters: parameters.all()), "reinstalled")
    }
    try node.reinstallInstance(name, os: os, parameters: parameters.all())
  }
}
