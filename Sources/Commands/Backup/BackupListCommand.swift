// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Images
internal import Instances
internal import Report

struct BackupListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the exports on this machine.",
    discussion: """
      An export is complete if all files that its config.ini names are there; guestsmith backup verify reads them.

      Example:
        guestsmith backup list
      """)

  @OptionGroup var options: StateOption

  @OptionGroup var output: OutputOptions

  func run() throws {
    options.node().recover()
    try output.write(options.state.listExports())
  }
}

extension ListedExport: Listed {
  static let header = ["Instance", "OS", "Made", "Disks", "Size", "State"]

  private var made: String? { configuration?.timestamp.map { Timestamp(seconds: $0).text } }

  var cells: [String] {
    [
      name, configuration?.os ?? "-", made ?? "-", configuration.map { "\($0.disks.count)" } ?? "-",
      Words.bytes(bytes), fault.map { "broken: \($0.message)" } ?? "complete",
    ]
  }

  var json: JSON {
    [
      "name": .string(name), "path": .string(path), "instance": .optional(configuration?.name),
      "os": .optional(configuration?.os), "timestamp": configuration?.timestamp.map { .integer($0) } ?? .null,
      "bytes": .integer(Int(clamping: bytes)), "state": fault == nil ? "complete" : "broken",
      "reason": .optional(fault?.message),
      "disks": .array(
        configuration?.disks.map { disk in
          [
            "index": .integer(disk.index), "dump": .optional(disk.dump),
            "size_bytes": disk.size.map { .integer(Int(clamping: $0)) } ?? .null,
          ]
        } ?? []),
    ]
  }
}
