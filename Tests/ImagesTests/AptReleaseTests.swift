// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Images

/// Suites whose names do not tell the release: their archives are asked, by apt.
@Suite struct AptReleaseTests {
  private func update(_ scratch: TestSupport.Scratch, _ recipe: ImageRecipe) throws -> AptUpdate {
    let update = AptUpdate(folder: try scratch.folder("work"), searchPath: Bootstrap.searchPath)
    let preferences = try scratch.write("", to: "preferences")
    try update.run(
      recipe.sources, mirrors: [], settings: recipe.apt.forBootstrap(preferences: preferences),
      architecture: recipe.architecture)
    return update
  }

  /// A recipe for a machine of bookworm, with these lines of sources.list.
  private func recipe(_ scratch: TestSupport.Scratch, _ lines: String, suite: String? = "bookworm") throws
    -> ImageRecipe
  {
    let apt = try aptOfTest(scratch)
    try scratch.write(lines, to: "machine/etc/apt/sources.list")
    try scratch.write(
      "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\n", to: "root/etc/os-release")
    return try ImageRecipe(ImageRequest(suite: suite), apt, root: scratch("root"))
  }

  @Test("the archive tells of which release a suite is") func archiveTellsRelease() throws {
    try withScratch { scratch in
      let archive = try TestArchive(in: scratch)
      try archive.add("oldstable", suite: "oldstable")
      try archive.add("oldstable-updates", suite: "oldstable-updates", codename: "bookworm-updates")
      try archive.add("oldstable-backports", suite: "oldstable-backports", codename: "bookworm-backports")
      try archive.add("production", suite: "production", packages: ["site"])
      try archive.add("stable", suite: "stable", codename: "trixie")
      try archive.add("nodistro", suite: "nodistro", codename: "nodistro")
      try archive.add("devel-backports", suite: "bookworm-backports", codename: "bookworm")
      try archive.add("./", suite: "", codename: "bookworm", packages: ["flat"])
      let suites = [
        "oldstable main", "oldstable-updates main", "oldstable-backports main", "production main", "stable main",
        "nodistro main", "devel-backports main", "./",
      ]
      let recipe = try recipe(
        scratch, suites.map { "deb [trusted=yes] copy:\(archive.folder) \($0)\n" }.joined())
      #expect(recipe.sources.entries.count == suites.count, "nothing is known yet")
      let update = try update(scratch, recipe)
      let used = try recipe.sources.narrowed(to: "bookworm", lists: update.lists)
      #expect(used.entries.flatMap(\.suites) == ["oldstable", "oldstable-updates", "production", "./"])
      #expect(try update.plan(["site", "flat"]).installed == 3_146_000, "what apt calls 3 MiB")
    }
  }

  @Test("what apt knows already is decided at once") func aptKnowsAlready() throws {
    try withScratch { scratch in
      let archive = try TestArchive(in: scratch)
      try archive.add("oldstable")
      try archive.add("stable", codename: "trixie")
      let lines = ["oldstable", "stable"].map { "deb [trusted=yes] file:\(archive.folder) \($0) main\n" }.joined()
      _ = try recipe(scratch, lines)
      try shell("APT_CONFIG='\(scratch("machine/apt.conf"))' apt-get update 2>&1")
      #expect(try recipe(scratch, lines).sources.entries.flatMap(\.suites) == ["oldstable"])
      #expect(try recipe(scratch, lines, suite: "trixie").sources.entries.flatMap(\.suites) == ["stable"])
    }
  }

  @Test("a machine without the release says which it has") func machineWithoutRelease() throws {
    try withScratch { scratch in
      let archive = try TestArchive(in: scratch)
      try archive.add("stable", codename: "trixie")
      let recipe = try recipe(scratch, "deb [trusted=yes] file:\(archive.folder) stable main\n")
      let lists = try update(scratch, recipe).lists
      let failure = #expect(throws: Failure.self) { try recipe.sources.narrowed(to: "bookworm", lists: lists) }
      #expect(failure?.code == .invalid)
      #expect(
        failure?.message.hasSuffix("\n    stable of file:\(archive.folder): stable trixie") == true,
        "\(failure as Any)")
    }
  }

  @Test("aliases lead to another release of the same mirrors") func aliasesLeadAnother() throws {
    let sources = AptSources(
      entries: ["stable", "stable-updates", "bookworm-security", "nodistro"].map {
        AptSource(uris: ["http://m.example/"], suites: [$0], components: ["main"])
      })
    #expect(
      sources.replacing(suite: "bookworm", by: "trixie").entries.flatMap(\.suites)
        == ["trixie", "trixie-updates", "trixie-security"])
    #expect(sources.replacing(suite: "bookworm", by: "sid").entries.flatMap(\.suites) == ["sid"])
  }

  @Test("a machine that follows unstable makes unstable guests") func machineFollowsUnstable() throws {
    try withScratch { scratch in
      let apt = try aptOfTest(scratch)
      try scratch.write(
        "PRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nVERSION_CODENAME=forky\n", to: "root/etc/os-release")
      func suite(_ written: String) throws -> String {
        try scratch.write("deb http://m.example/ \(written) main\n", to: "machine/etc/apt/sources.list")
        return try AptSources.resolve(
          suite: nil, mirror: nil, components: nil, configuration: apt, root: scratch("root")
        ).suite
      }
      #expect(try suite("unstable") == "sid")
      #expect(try suite("sid") == "sid")
      #expect(try suite("testing") == "forky")
    }
  }
}
