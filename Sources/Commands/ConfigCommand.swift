// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Tell about the configuration.", subcommands: [ConfigSampleCommand.self])
}

struct ConfigSampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Write a guestsmith.toml that has every key, commented out.",
    discussion: """
      Each key stands with what it is for, what may stand in it, and its default. As it is, the file changes nothing.

      Example:
        guestsmith config sample >/etc/guestsmith/guestsmith.toml
      """)

  func run() throws {
    try writeText(Configuration.sample())
  }
}
