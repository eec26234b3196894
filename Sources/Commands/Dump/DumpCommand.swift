// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

struct DumpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump", abstract: "Look into dumps that export wrote, without restoring them.",
    discussion: """
      A dump may be packed by gzip, xz, bzip2, lz4 or zstd, as hosts do it. Where - stands for DUMP, it is standard input.
      """,
    subcommands: [
      DumpInfoCommand.self, DumpVerifyCommand.self, DumpListCommand.self, DumpExtractCommand.self,
      DumpDiffCommand.self,
    ])
}
