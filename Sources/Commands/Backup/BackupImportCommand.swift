// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Instances
internal import Interface
internal import Report

struct BackupImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Create an instance from an export.",
    discussion: """
      Takes exports of guestsmith and of Ganeti 1.2.6 to 3.1. Runs the import script of the OS definition for each disk \
      that has a dump, with the dump on its standard input, and the rename script if the name changes. What is not \
      given is taken from the export. If a script fails, nothing is left of the instance.

      Example:
        guestsmith backup import vm2.example.com --src-dir /var/lib/ganeti/export/vm1.example.com \\
            --disk 0:size=20G
      """)

  @Argument(help: "The name of the new instance.")
  var name: String

  @Option(
    help: ArgumentHelp(
      "The folder of the export.", discussion: "By default one in the state folder.", valueName: "dir"))
  var srcDir: String?

  @Option(
    help: ArgumentHelp("The instance whose export in the state folder to import.", valueName: "name"))
  var srcInstance: String?

  @Option(
    name: [.customShort("o"), .customLong("os")],
    help: ArgumentHelp("Use this OS instead of that of the export.", valueName: "name[+variant]"))
  var os: String?

  @OptionGroup var instance: InstanceOptions

  @OptionGroup var options: ScriptOptions

  func validate() throws {
    if srcDir != nil && srcInstance != nil {
      throw ValidationError("--src-dir and --src-instance cannot be used together")
    }
  }

  func run() throws {
    let request = try instance.request(name, os: os)
    let place =
      try srcDir.map { Node.ExportPlace.folder($0) }
      ?? .instance(srcInstance.map { try InstanceName($0) } ?? request.name)
    let node = options.node()
    // What unpacks the dumps is confined too.
    _ = try commandWorkers(node.steps)
    if instance.mode.isDry { return try tell(node.planImport(request, from: place), "imported") }
    try node.importBackup(request, from: place)
  }
}
