// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Images
internal import Report

struct ImagePruneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Remove images that are broken, too old, or too many.",
    discussion: """
      Removes broken images, those older than image_max_age_days, and then the least recently used until the rest is \
      within cache_max_size. An image that is in use or being built stays. Leftovers of killed builds go too.

      Example:
        guestsmith image prune --dry-run
      """)

  @OptionGroup var options: ImageOptions

  @OptionGroup var mode: DryRunOption

  @OptionGroup var output: OutputOptions

  func run() throws {
    let pruned = try options.store().prune(dryRun: mode.isDry)
    let freed = Words.bytes(pruned.reduce(0) { $0 + $1.diskBytes })
    let sum = "\(freed) in \(pruned.count) images \(mode.isDry ? "would be freed" : "freed")"
    try output.write(
      ["dry_run": .bool(mode.isDry), "pruned": .array(pruned.map(\.json))],
      else: Table(pruned.map(\.cells)).lines + [sum])
  }
}

extension PrunedImage {
  var words: String {
    switch reason {
    case .broken: "broken"
    case .age(let days): "\(days) days old"
    case .size: "the cache is too large"
    }
  }

  var cells: [String] { [String(key.prefix(12)), Words.bytes(diskBytes), words] }

  var json: JSON {
    let kind: JSON =
      switch reason {
      case .broken: "broken"
      case .age: "age"
      case .size: "size"
      }
    return ["key": .string(key), "reason": kind, "disk_bytes": .integer(Int(diskBytes))]
  }
}
