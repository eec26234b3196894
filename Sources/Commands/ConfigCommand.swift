// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Configuration

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Show what can be configured.", subcommands: [ConfigSampleCommand.self])
}

struct ConfigSampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Write a guestsmith.toml with every key, commented out.",
    discussion: """
      Each key has its purpose, its possible values and its default beside it. As written, the file changes nothing.

      Example:
        guestsmith config sample >/etc/guestsmith/guestsmith.toml
      """)

  func run() throws {
    try writeText(Configuration.sample())
  }
}
