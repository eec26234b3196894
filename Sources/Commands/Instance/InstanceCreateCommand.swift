// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Instances
internal import Interface
internal import Report

struct InstanceCreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Create an instance and install its OS.",
    discussion: """
      Runs the create script of the OS definition as Ganeti does, in the newest version of the interface that both \
      support. The disks are sparse files in the state folder, unless they are adopted. The script's output goes to a \
      file in LOGDIR/os; if the script fails its last lines are shown, and nothing is left of the instance. The options \
      are those of gnt-instance(8).

      Example:
        guestsmith instance create vm1.example.com -o guestsmith+debian-12 -O disk_1=swap \\
            --disk 0:size=10G --disk 1:size=1G --net 0:ip=192.0.2.10 -B memory=1G
      """)

  @Argument(help: "The name of the instance: a host name.")
  var name: String

  @Option(
    name: [.customShort("o"), .customLong("os")],
    help: ArgumentHelp("The OS, as guestsmith os list shows it.", valueName: "name[+variant]"))
  var os: String

  @OptionGroup var instance: InstanceOptions

  @Flag(help: "Install nothing, and leave the disks as they are.")
  var noInstall = false

  @OptionGroup var options: ScriptOptions

  func run() throws {
    var request = try instance.request(name, os: os)
    request.installs = !noInstall
    let node = options.node()
    if instance.mode.isDry { return try tell(node.planInstance(request), "created") }
    try node.createInstance(request)
  }
}

/// Tells what would be made of an instance, and what the script would do.
func tell(_ planned: PlannedChange, _ verb: String) throws(Failure) {
  var lines = ["\(planned.instance.name) would be \(verb):"] + planned.instance.lines.map { "  \($0)" }
  if let script = planned.script {
    if !script.isEmpty { lines += ["its OS would:"] + script.map { "  \($0)" } }
  } else {
    lines.append("what the scripts of \(planned.instance.osName) would do is not known: they are not guestsmith's")
  }
  try writeOutput(lines)
}
