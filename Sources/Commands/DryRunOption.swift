// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// Whether a command does its work, or shows it only.
struct DryRunOption: ParsableArguments {
  @Flag(name: .customLong("dry-run"), help: "Show what would be done, and change nothing.")
  var isDry = false
}
