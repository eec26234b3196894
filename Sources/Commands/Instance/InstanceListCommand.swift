// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Host
internal import Instances
internal import Report

struct InstanceListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the instances of this machine.",
    discussion: """
      The state of an instance is ready, or broken with the reason; guestsmith instance info says what to do.

      Example:
        guestsmith instance list --json
      """)

  @OptionGroup var options: StateOption

  @OptionGroup var output: OutputOptions

  func run() throws {
    options.node().recover()
    try output.write(options.state.list())
  }
}

extension ListedInstance: Listed {
  static let header = ["Instance", "OS", "Disks", "Memory", "State"]

  var cells: [String] {
    let disks = instance?.disks.map { Words.bytes($0.size) }.joined(separator: ", ") ?? "-"
    let memory = instance?.backend["memory"].flatMap { UInt64($0) }.map { Words.bytes($0 << 20) } ?? "-"
    let state = fault.map { "broken: \($0.message)" } ?? "ready"
    return [name, instance?.osName ?? "-", disks, memory, state]
  }

  var json: JSON {
    var members: [JSON.Member] = [
      .init(key: "name", value: .string(name)), .init(key: "state", value: fault == nil ? "ready" : "broken"),
      .init(key: "reason", value: .optional(fault?.message)), .init(key: "remedy", value: .optional(fault?.remedy)),
    ]
    if let instance { members += instance.members.filter { $0.key != "name" } }
    return .object(members)
  }
}
