// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Report

/// Whether a command shows its progress.
struct ProgressOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Show failures only, no progress.")
  var quiet = false

  var steps: Steps { .forStandardError(quiet: quiet) }
}
