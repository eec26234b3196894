// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Images
internal import Report

struct ImageListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the images in the cache, the most recently used first.",
    discussion: """
      Built is when it was made or fetched, Age how many days ago; Used is what a copy writes to a disk; On disk is what the image takes in the cache. An old or broken image is \
      rebuilt when it is next needed.

      Example:
        guestsmith image list
      """)

  @OptionGroup var options: ImageOptions

  @OptionGroup var output: OutputOptions

  func run() throws {
    try output.write(options.store().list())
  }
}

extension ListedImage: Listed {
  static let header = [
    "Image", "Release or source", "Verified", "Built", "Age", "Last used", "Used", "On disk", "Packages", "State",
  ]

  var cells: [String] {
    [
      String(key.prefix(12)), manifest.map { $0.origin?.source ?? $0.suite } ?? "-", verified,
      manifest?.created.text ?? "-", manifest == nil ? "-" : "\(ageDays) d", lastUsed?.text ?? "-",
      manifest.map { Words.bytes($0.usedBytes) } ?? "-", Words.bytes(diskBytes),
      manifest.map { $0.origin == nil ? "\($0.packages.count)" : "-" } ?? "-", state,
    ]
  }

  /// By what, the digest of the file that was fetched, and whose key.
  private var verified: String {
    guard let origin = manifest?.origin else { return "-" }
    guard origin.trust != "none" else { return "no" }
    return "\(origin.trust), \(origin.digest.prefix(19))" + (origin.signer.map { " by \($0.suffix(16))" } ?? "")
  }

  private var reason: String? {
    if case .broken(let reason) = condition { reason } else { nil }
  }

  /// `fresh`, `old`, or `broken: ` and why.
  var state: String {
    switch condition {
    case .fresh: "fresh"
    case .old: "old"
    case .broken(let reason): "broken: \(reason)"
    }
  }

  var json: JSON {
    [
      "key": .string(key),
      "state": .string(String(state.prefix { $0 != ":" })),
      "reason": .optional(reason),
      "suite": .optional(manifest?.origin == nil ? manifest?.suite : nil),
      "source": .optional(manifest?.origin?.source),
      "format": .optional(manifest?.origin?.format),
      "digest": .optional(manifest?.origin?.digest),
      "verified_by": .optional(manifest?.origin?.trust),
      "signer": .optional(manifest?.origin?.signer),
      "architecture": .optional(manifest?.architecture),
      "created": .optional(manifest?.created.text),
      "age_days": .integer(ageDays),
      "last_used": .optional(lastUsed?.text),
      "used_bytes": manifest.map { .integer(Int($0.usedBytes)) } ?? .null,
      "disk_bytes": .integer(Int(diskBytes)),
      "packages": manifest.map { .integer($0.packages.count) } ?? .null,
      "path": .string(path),
    ]
  }
}
