// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("Our own definition before the judge", .enabled(if: isRoot, "needs root"))
struct OwnDefinitionTests {
  @Test("It passes every check in every version of the interface", arguments: [[20, 15, 10], [5]])
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

  /// With a cache of its own, where no other test makes an image meanwhile.
  private func installed(_ api: Int, _ scratch: Scratch) throws -> String {
    let folder =
      try api == 5 ? InstalledDefinition(in: scratch).folder : EnvironmentDefinition(in: scratch).folder
    try shell(
      """
      mkdir -p '\(scratch("cache"))/images'
      '\(program)' image build --config '\(folder)' --quiet | while read -r image; do
        cp -a --sparse=always --reflink=auto "${image%/*}" '\(scratch("cache"))/images/'
      done
      sed -i 's#^cache = .*#cache = "\(scratch("cache"))"#' '\(folder)/guestsmith.toml'
      [ "$('\(program)' image build --config '\(folder)' --quiet | wc -l)" = "$(ls '\(scratch("cache"))/images' | wc -l)" ]
      """)
    return folder
  }
}
