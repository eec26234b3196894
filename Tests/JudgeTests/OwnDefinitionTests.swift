// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("Our own definition before the judge", .enabled(if: isRoot, "needs root"))
struct OwnDefinitionTests {
  /// `make test-all` judges versions 15 and 10 too. Version 15 lacks parameters and `verify`, and version 10 also lacks variants.
  private static let versions = fuzzSeconds < 60 ? [[20], [5]] : [[20, 15, 10], [5]]

  @Test("It passes every check in every version of the interface", arguments: versions)
  func accepted(_ versions: [Int]) throws {
    try withScratch { scratch in
      // The bootstrap is for the first of all tests, outside of the sandbox, where its image would go with the rest.
      let folder = try installed(versions[0], scratch)
      let judged = try Judged(folder, versions.map { "--api \($0)" }.joined(separator: " "))
      #expect(judged.checks("fail").isEmpty, "\(judged.failures)")
      #expect(judged.status == 0)
      // What does not apply is named here: a check that is passed over is none.
      for version in versions {
        var wanted: Set<String> = version == 5 ? [] : ["usage.help", "usage.wrong-arguments"]
        if version < 20 { wanted.formUnion(["verify.accepts", "verify.refuses", "leaks.secrets"]) }
        if version == 5 {
          wanted.formUnion(["create.table", "create.boots-bios", "create.boots-uefi", "create.network"])
        }
        if version < 15 { wanted.insert("create.reinstall-names") }
        #expect(judged.checks("not applicable", version: version) == wanted)
      }
    }
  }

  /// With a cache of its own, where no other test makes an image meanwhile: a copy of what it wants from that of all tests.
  private func installed(_ api: Int, _ scratch: Scratch) throws -> String {
    func folder(cache: String) throws -> String {
      try api == 5
        ? InstalledDefinition(in: scratch, cache: cache).folder
        : EnvironmentDefinition(in: scratch, cache: cache).folder
    }
    let build = "'\(program)' image build --quiet --config '\(try folder(cache: sharedCache))'"
    let images = scratch("cache/images")
    try shell(
      """
      mkdir -p '\(images)'
      \(build) | while read -r image; do
        cp -a --sparse=always "${image%/*}" '\(images)'
      done
      """)
    // The same configuration but for the cache, which has all that it wants.
    let folder = try folder(cache: scratch("cache"))
    try shell(
      """
      before=$(ls '\(images)')
      \(build) >&2
      [ -n "$before" ] && [ "$(ls '\(images)')" = "$before" ]
      """)
    return folder
  }
}
