// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Report

/// Which partition of the disk in a dump is looked into.
struct PartitionOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The partition to look into, by its number; without it that of the root filesystem.", valueName: "n"))
  var partition: Int?

  var json: JSON { partition.map { .integer($0) } ?? nil }
}
