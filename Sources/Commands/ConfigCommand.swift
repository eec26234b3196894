// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration
internal import LinuxIO
internal import Report

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Show what can be configured.",
    subcommands: [ConfigCheckCommand.self, ConfigSampleCommand.self])
}

struct ConfigCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Show how programs that read a guest's bytes are confined on this machine.",
    discussion: """
      Guestsmith's own workers, e2fsck, resize2fs and what unpacks a stream read what a guest or a stranger wrote. \
      They run behind as many walls as the kernel and your rights allow: each has a line. With all of them they can reach \
      nothing but that guest.

      Example:
        guestsmith config check
      """)

  @OptionGroup var output: OutputOptions

  func run() throws {
    try output.write(SandboxLayers.ofThisMachine.table.map(LayerRow.init))
  }
}

private struct LayerRow: Listed {
  static let header = ["LAYER", "HERE", "WHAT IT DOES"]
  let layer: SandboxLayer

  init(_ layer: SandboxLayer) { self.layer = layer }

  var cells: [String] { [layer.name, layer.isThere ? "yes" : "no", layer.detail] }

  var json: JSON {
    ["layer": .string(layer.name), "here": .bool(layer.isThere), "detail": .string(layer.detail)]
  }
}

struct ConfigSampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Write a guestsmith.toml with every key, commented out.",
    discussion: """
      Each key has its purpose, its possible values and its default beside it, or an example where it is unset. As \
      written, the file changes nothing.

      Example:
        guestsmith config sample >/etc/guestsmith/guestsmith.toml
      """)

  func run() throws {
    try writeText(Configuration.sample())
  }
}
