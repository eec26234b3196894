// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

struct DumpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump", abstract: "Inspect the dumps that export writes, without restoring them.",
    discussion: """
      A dump may be compressed with gzip, xz, bzip2, lz4 or zstd, as hosts do. The DUMP - is standard input.
      """,
    subcommands: [
      DumpInfoCommand.self, DumpVerifyCommand.self, DumpListCommand.self, DumpExtractCommand.self,
      DumpDiffCommand.self,
    ])
}
