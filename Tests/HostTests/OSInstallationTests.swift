// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Report
import TestSupport
import Testing

@Suite struct OSInstallationTests {
  @Test(
    "The variant to begin with is that of this machine's release, where there is one",
    arguments: [
      ("ID=debian\nVERSION_ID=\"12\"\n", "debian-12"), ("VERSION_ID=24.04\nID='ubuntu'\n", "ubuntu-24.04"),
      ("ID=alpine\nVERSION_ID=3\n", "debian-11"), ("garbage", "debian-11"),
    ])
  func preferred(release: String, variant: String) throws {
    try withScratch { scratch in
      let variants = ["debian-11", "debian-12", "ubuntu-24.04"]
      #expect(preferredVariant(of: variants, root: scratch.path) == "debian-11")
      try scratch.write(release, to: "usr/lib/os-release")
      try shell("mkdir '\(scratch("etc"))' && ln -s ../usr/lib/os-release '\(scratch("etc"))'")
      #expect(preferredVariant(of: variants, root: scratch.path) == variant)
      #expect(preferredVariant(of: [], root: scratch.path) == nil)
    }
  }

  private func installation(
    _ folder: Scratch, name: String = "guestsmith", variant: String? = nil, program: String = "/usr/bin/guestsmith"
  ) throws -> OSInstallation {
    try OSInstallation(into: folder("srv/os"), name: name, variant: variant, program: program)
  }

  private func listing(_ folder: Scratch) throws -> String {
    try shell(#"cd '\#(folder("srv/os"))'; find . -mindepth 1 -printf '%P %y %m %l\n' | sort"#)
  }

  @Test("it lays down four links and the version, and nothing else") func laysDownFour() throws {
    try withScratch { folder in
      let outcome = try installation(folder).install()
      #expect(outcome == .installed)
      #expect(
        try listing(folder) == """
          guestsmith d 755\u{20}
          guestsmith/create l 777 /usr/bin/guestsmith
          guestsmith/export l 777 /usr/bin/guestsmith
          guestsmith/ganeti_api_version f 644\u{20}
          guestsmith/import l 777 /usr/bin/guestsmith
          guestsmith/rename l 777 /usr/bin/guestsmith
          """)
      #expect(try folder.read("srv/os/guestsmith/ganeti_api_version") == "5\n")
    }
  }

  @Test("installing twice changes nothing, with a configuration beside it too") func installingTwiceChanges() throws {
    try withScratch { folder in
      _ = try installation(folder).install()
      try folder.write("suite = \"bookworm\"\n", to: "srv/os/guestsmith/guestsmith.toml")
      let state = "cd '\(folder.path)'; find . -printf '%p %i %T@ %C@\\n' | sort"
      let before = try shell(state)
      #expect(try installation(folder).install() == .unchanged)
      #expect(try shell(state) == before)
    }
  }

  @Test("a file that not every host can read is made readable again") func fileNotReadable() throws {
    try withScratch { folder in
      _ = try installation(folder).install()
      try shell("chmod 600 '\(folder("srv/os/guestsmith/ganeti_api_version"))'")
      #expect(try installation(folder).install() == .completed(["ganeti_api_version"]))
      #expect(try listing(folder).contains("ganeti_api_version f 644"))
      #expect(try installation(folder).install() == .unchanged)
    }
  }

  @Test("links that lead to the program by a relative path are right as they are") func linksLeadProgram() throws {
    try withScratch { folder in
      try folder.write("", to: "bin/guestsmith")
      let program = try shell("realpath '\(folder("bin/guestsmith"))'")
      _ = try installation(folder, program: program).install()
      try shell("ln -sfr '\(program)' '\(folder("srv/os/guestsmith/create"))'")
      #expect(try installation(folder, program: program).install() == .unchanged)
      #expect(try listing(folder).contains("create l 777 ../../../bin/guestsmith"))
    }
  }

  @Test("a variant is a part of the folder's name, and both are judged valid") func variantPartFolder() throws {
    try withScratch { folder in
      let program = OSInstallationTests.someProgram
      _ = try installation(folder, variant: "min.base", program: program).install()
      _ = try installation(folder, program: program).install()
      let inventory = folder.inventory("srv/os")
      #expect(inventory.definitions.map(\.name) == ["guestsmith", "guestsmith+min.base"])
      #expect(inventory.definitions.allSatisfy { $0.isValid })
    }
  }

  private func installation(_ folder: Scratch, version: Int, variants: [String] = ["a", "b.1"]) throws -> OSInstallation
  {
    try OSInstallation(
      into: folder("srv/os"), name: "guestsmith", program: Self.someProgram, version: version, variants: variants,
      parameters: [("suite", "the release (a name)"), ("disk_1", "what for")])
  }

  @Test(
    "a definition for Ganeti 2 and 3 declares its versions and has the files of the highest",
    arguments: [
      (10, "10\n5\n", ["create", "export", "ganeti_api_version", "import", "rename"]),
      (15, "15\n10\n5\n", ["create", "export", "ganeti_api_version", "import", "rename", "variants.list"]),
      (
        20, "20\n15\n10\n5\n",
        [
          "create", "export", "ganeti_api_version", "import", "parameters.list", "rename", "variants.list", "verify",
        ]
      ),
    ])
  func definitionGaneti2(
    _ version: Int, _ text: String, _ files: [String]
  ) throws {
    try withScratch { folder in
      let first = try installation(folder, version: version).install()
      #expect(first == .installed)
      #expect(try installation(folder, version: version).install() == .unchanged)
      #expect(try folder.read("srv/os/guestsmith/ganeti_api_version") == text)
      #expect(try shell("ls -A '\(folder("srv/os/guestsmith"))'").split(separator: "\n").map(String.init) == files)
      #expect(try shell("find '\(folder("srv/os"))' -type f ! -perm 644 -o -type d ! -perm 755") == "")
      if version >= 15 { #expect(try folder.read("srv/os/guestsmith/variants.list") == "a\nb.1\n") }
      if version >= 20 {
        #expect(
          try folder.read("srv/os/guestsmith/parameters.list") == "suite the release (a name)\ndisk_1 what for\n")
      }
      let inventory = folder.inventory("srv/os")
      #expect(inventory.definitions.map(\.isValid) == [true])
      #expect(inventory.definitions.map(\.isForGaneti2) == [true])
    }
  }

  @Test("the lists follow what is configured, and the administrator's files stay") func listsFollowConfigured() throws {
    try withScratch { folder in
      _ = try installation(folder, version: 20).install()
      try folder.write("", to: "srv/os/guestsmith/guestsmith.toml")
      try folder.write("", to: "srv/os/guestsmith/variants/a.toml")
      #expect(try installation(folder, version: 20, variants: ["a"]).install() == .completed(["variants.list"]))
      #expect(try folder.read("srv/os/guestsmith/variants.list") == "a\n")
      #expect(try installation(folder, version: 20, variants: ["a"]).install() == .unchanged)
    }
  }

  @Test("a definition of another version is left alone") func definitionAnotherVersion() throws {
    try withScratch { folder in
      _ = try installation(folder, version: 20).install()
      let failure = #expect(throws: Failure.self) { try installation(folder, program: Self.someProgram).install() }
      #expect(failure?.code == .invalid)
      #expect(throws: Failure.self) { try installation(folder, version: 15).install() }
      #expect(try installation(folder, version: 20).install() == .unchanged)
    }
  }

  @Test("a name that Ganeti 2 does not take is refused", arguments: ["", "a.b", "a+b", "-x", "a b", "a/b", "ä"])
  func nameGaneti2(_ name: String) throws {
    let failure = #expect(throws: Failure.self) {
      try OSInstallation(into: "/srv", name: name, program: "/bin/true", version: 20, variants: [], parameters: [])
    }
    #expect(failure?.code == .invalid)
  }

  private static let someProgram = "/bin/true"

  @Test("what is missing is added and what points to an older place of the program is corrected")
  func missingAddedPoints() throws {
    try withScratch { folder in
      _ = try installation(folder, program: "/opt/old/guestsmith").install()
      try shell("cd '\(folder("srv/os/guestsmith"))'; rm rename ganeti_api_version")
      #expect(
        try installation(folder).install()
          == .completed(["create", "export", "ganeti_api_version", "import", "rename"]))
      #expect(try installation(folder).install() == .unchanged)
      #expect(try shell("readlink '\(folder("srv/os/guestsmith/create"))'") == "/usr/bin/guestsmith")
      #expect(try shell("ls -A '\(folder("srv/os"))'") == "guestsmith")
    }
  }

  @Test("a folder with the configuration only is filled") func folderConfigurationOnly() throws {
    try withScratch { folder in
      try folder.write("", to: "srv/os/guestsmith/guestsmith.toml")
      guard case .completed = try installation(folder).install() else {
        Issue.record("not completed")
        return
      }
      #expect(try installation(folder).install() == .unchanged)
    }
  }

  @Test(
    "what is not ours is refused and left as it is",
    arguments: [
      ("touch guestsmith/foo", "it has 'foo'"),
      ("ln -s x guestsmith/.hidden", "it has '.hidden'"),
      ("echo 20 > guestsmith/ganeti_api_version", #"its ganeti_api_version holds '20\n'"#),
      ("ln -sf /bin/true guestsmith/create", "its create is a symbolic link to /bin/true"),
      ("cp --remove-destination /bin/true guestsmith/create", "its create is not a symbolic link"),
      ("rm -r guestsmith; touch guestsmith", "it is not a folder"),
      ("mv guestsmith x; ln -s x guestsmith", "it is not a folder"),
    ])
  func notOursRefused(_ change: String, _ found: String) throws {
    try withScratch { folder in
      _ = try installation(folder).install()
      try shell("cd '\(folder("srv/os"))'; \(change)")
      let before = try listing(folder)
      let failure = #expect(throws: Failure.self) { try installation(folder).install() }
      #expect(failure?.code == .invalid)
      #expect(failure?.message.hasSuffix(": \(found)") == true, "\(failure?.message ?? "")")
      #expect(try listing(folder) == before)
    }
  }

  @Test("what a killed installation left is taken away") func killedInstallationLeft() throws {
    try withScratch { folder in
      try shell("mkdir -p '\(folder("srv/os/.guestsmith.new"))'; ln -s x '\(folder("srv/os/.guestsmith.new/create"))'")
      #expect(try installation(folder).install() == .installed)
      #expect(try shell("ls -A '\(folder("srv/os"))'") == "guestsmith")
    }
  }

  @Test(
    "a name that a host cannot use is refused",
    arguments: ["", ".", "..", "a/b", "a b", "-x", ".x", "a+b", "a:b", "ä", "a\n"])
  func nameHostCannot(_ name: String) throws {
    for (name, variant) in [(name, nil), ("good", name)] as [(String, String?)] {
      let failure = #expect(throws: Failure.self) {
        try OSInstallation(into: "/srv", name: name, variant: variant, program: "/bin/true")
      }
      #expect(failure?.code == .invalid)
    }
  }

  @Test("a folder that Ganeti 1.2.6 could not use is refused") func folderGaneti1() throws {
    let failure = #expect(throws: Failure.self) {
      try OSInstallation(into: "/srv/my os", name: "x", variant: nil, program: "/bin/true")
    }
    #expect(failure?.message == "Ganeti 1.2.6 cannot run scripts in '/srv/my os/x'")
  }
}
