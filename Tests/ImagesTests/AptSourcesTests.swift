// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Images

@Suite struct AptSourcesTests {
  private let bookworm = """
    PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
    VERSION_CODENAME=bookworm
    """

  /// None of what the tests name is in the lists of the machine that runs them.
  private var noLists: AptLists { AptLists(environment: [:]) }

  @Test("deb822 keeps own suites and options") func deb822KeepsOwnSuitesAndOptions() throws {
    let text = """
      # a comment
      Types: deb deb-src
      # one in the middle
      URIs: http://deb.debian.org/debian
       http://other.example/debian
      Suites: bookworm bookworm-updates bookworm-backports
      Components: main contrib
      Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
      Check-Valid-Until: no

      Types: deb
      URIs: http://deb.debian.org/debian-security
      Suites: bookworm-security
      Components: main
      Enabled: yes

      Enabled: no
      Types: deb
      URIs: http://off.example/debian
      Suites: bookworm
      Components: main

      Types: deb-src
      URIs: http://sources.example/debian
      Suites: bookworm
      Components: main
      """
    let sources = AptSources(entries: try AptSource.parse(deb822: text, file: "x.sources"))
      .keeping(suite: "bookworm", noLists)
    #expect(
      sources.text == """
        Types: deb
        URIs: http://deb.debian.org/debian http://other.example/debian
        Suites: bookworm bookworm-updates
        Components: main contrib
        Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
        Check-Valid-Until: no

        Types: deb
        URIs: http://deb.debian.org/debian-security
        Suites: bookworm-security
        Components: main

        """)
    #expect(sources.entries[0].keyFiles == ["/usr/share/keyrings/debian-archive-keyring.gpg"])
    // What is written is read as the same.
    #expect(try AptSource.parse(deb822: sources.text, file: "again") == sources.entries)
  }

  @Test("a key in the entry survives") func aKeyInTheEntrySurvives() throws {
    let text = """
      Types: deb
      URIs: http://mirror.example/debian
      Suites: bookworm
      Components: main
      Signed-By:
       -----BEGIN PGP PUBLIC KEY BLOCK-----
       .
       mDMEZ
       -----END PGP PUBLIC KEY BLOCK-----
      """
    let entries = try AptSource.parse(deb822: text, file: "x.sources")
    #expect(
      entries[0].text.hasSuffix(
        "Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEZ\n -----END PGP PUBLIC KEY BLOCK-----\n"))
    #expect(entries[0].keyFiles == [] && !entries[0].needsTrustedKeys)
    #expect(try AptSource.parse(deb822: entries[0].text, file: "again") == entries)
  }

  @Test("one-line form means the same") func oneLineFormMeansTheSame() throws {
    let text = """
      # deb cdrom:[Debian GNU/Linux 12]/ bookworm main
      deb [arch=amd64,arm64,ppc64el,s390x,riscv64 signed-by=/etc/apt/keyrings/a.gpg] http://deb.debian.org/debian bookworm main contrib # trailing
      deb [ trusted=yes ] http://local.example/debian bookworm-updates main
      deb http://security.debian.org/ buster/updates main
      deb-src http://deb.debian.org/debian bookworm main
      deb http://deb.debian.org/debian bookworm-backports main
      deb cdrom:[Debian GNU/Linux 12 - x y]/ bookworm main
      deb [arch=none] http://foreign.example/debian bookworm main
      deb http://flat.example/ ./
      """
    let all = AptSources(entries: try AptSource.parse(oneLine: text, file: "sources.list"))
    let sources = AptSources(entries: all.knownEntries(of: "bookworm", noLists))
    #expect(
      sources.text == """
        Types: deb
        URIs: http://deb.debian.org/debian
        Suites: bookworm
        Components: main contrib
        Architectures: amd64 arm64 ppc64el s390x riscv64
        Signed-By: /etc/apt/keyrings/a.gpg

        Types: deb
        URIs: http://local.example/debian
        Suites: bookworm-updates
        Components: main
        Trusted: yes

        """)
    #expect(all.knownEntries(of: "buster", noLists).map(\.suites) == [["buster/updates"]])
  }

  @Test(
    "damaged files are named with their line",
    arguments: [
      ("x.sources", "Types deb\n", "x.sources, line 1: no field: Types deb"),
      ("x.sources", "\n deb\n", "x.sources, line 2: a continuation of no field:  deb"),
      ("x.sources", "Types: deb\nSuites: a\n", "x.sources: the entry that ends before line 3 has no URIs or no Suites"),
      ("x.list", "deb http://a.example\n", "x.list, line 1: an entry needs a URI and a suite"),
      ("x.list", "\nrpm http://a.example x\n", "x.list, line 2: rpm where deb or deb-src should be"),
      ("x.list", "deb [arch=amd64 http://a.example x\n", "x.list, line 1: the option http://a.example has no value"),
      ("x.list", "deb [arch=amd64\n", "x.list, line 1: the options have no ] at their end"),
      ("x.list", "deb [arch] http://a.example x\n", "x.list, line 1: the option arch has no value"),
      ("x.list", "deb \"http://a.example x\n", "x.list, line 1: \" is missing"),
      ("x.list", "deb cdrom:[Debian 12/ x\n", "x.list, line 1: ] is missing"),
    ])
  func damagedFilesNamed(file: String, text: String, message: String) {
    let failure = #expect(throws: Failure.self) {
      _ =
        file.hasSuffix(".list")
        ? try AptSource.parse(oneLine: text, file: file) : try AptSource.parse(deb822: text, file: file)
    }
    #expect(failure?.message == message)
    #expect(failure?.code == .invalid)
  }

  @Test("credentials are removed from URIs") func credentialsAreRemovedFromUris() {
    let source = AptSource(
      uris: ["https://joe:s3c%20ret@mirror.example:8080/debian", "http://plain.example/a@b"], suites: ["a"],
      components: ["main"])
    #expect(source.hasCredentials)
    #expect(source.withoutCredentials.uris == ["https://mirror.example:8080/debian", "http://plain.example/a@b"])
    #expect(!source.withoutCredentials.hasCredentials)
    #expect(removingCredentials("E: https://joe:x@h.example/a failed") == "E: https://h.example/a failed")
  }

  @Test("the machine's files are read in apt's order") func machineFilesRead() throws {
    try withScratch { root in
      try root.write(bookworm, to: "etc/os-release")
      let apt = try aptOfTest(root)
      try root.write("deb http://one.example/ bookworm main\n", to: "machine/etc/apt/sources.list")
      try root.write("deb http://three.example/ bookworm main\n", to: "machine/etc/apt/sources.list.d/b.list")
      try root.write(
        "Types: deb\nURIs: http://two.example/\nSuites: bookworm\nComponents: main\n",
        to: "machine/etc/apt/sources.list.d/a.sources")
      try root.write("nonsense\n", to: "machine/etc/apt/sources.list.d/a.sources.save")
      try root.write("nonsense\n", to: "machine/etc/apt/sources.list.d/strange name.list")
      let (suite, sources) = try AptSources.resolve(
        suite: nil, mirror: nil, components: nil, configuration: apt, root: root.path)
      #expect(suite == "bookworm")
      #expect(
        sources.entries.flatMap(\.uris) == ["http://one.example/", "http://two.example/", "http://three.example/"])
    }
  }

  @Test("the configuration comes before the machine") func configurationComesBefore() throws {
    try withScratch { root in
      try root.write(bookworm, to: "etc/os-release")
      try root.write(
        "deb http://a.example/ bookworm main\ndeb http://a.example/ bookworm-updates main\n",
        to: "machine/etc/apt/sources.list")
      let apt = try aptOfTest(root)
      func resolve(_ suite: String?, _ mirror: String?, _ components: [String]?) throws -> [AptSource] {
        try AptSources.resolve(
          suite: suite, mirror: mirror, components: components, configuration: apt, root: root.path
        ).sources.entries
      }
      #expect(
        try resolve(nil, "http://m.example/debian", nil)
          == [AptSource(uris: ["http://m.example/debian"], suites: ["bookworm"], components: ["main"])])
      #expect(
        try resolve("trixie", "http://m.example/debian", ["main", "contrib"])
          == [AptSource(uris: ["http://m.example/debian"], suites: ["trixie"], components: ["main", "contrib"])])
      // Another release from the machine's own mirrors.
      #expect(try resolve("trixie", nil, nil).flatMap(\.suites) == ["trixie", "trixie-updates"])
      #expect(try resolve("sid", nil, nil).flatMap(\.suites) == ["sid"])
      #expect(
        try resolve(nil, nil, ["main", "non-free"]).map(\.components) == [["main", "non-free"], ["main", "non-free"]])
      let failure = #expect(throws: Failure.self) { try resolve(nil, "m.example", nil) }
      #expect(failure?.message == "the mirror m.example is not a URI")
    }
  }

  @Test("a mirror has its keyring and its pockets") func mirrorKeyringPockets() throws {
    try withScratch { root in
      func resolve() throws -> String {
        try AptSources.resolve(
          suite: "jammy", mirror: "http://me:secret@m.example/ubuntu", pockets: ["updates", "security"],
          keyring: "/keys/ubuntu-archive-keyring.gpg", components: ["main", "universe"],
          configuration: AptConfiguration(settings: []), root: root.path
        ).sources.text
      }
      let failure = #expect(throws: Failure.self) { try resolve() }
      #expect(
        failure?.message
          == "the keyring /keys/ubuntu-archive-keyring.gpg, whose keys sign http://m.example/ubuntu, is not "
          + "on this machine")
      #expect(failure?.remedy?.contains("ubuntu-keyring") == true)
      try root.write("", to: "keys/ubuntu-archive-keyring.gpg")
      #expect(
        try resolve() == """
          Types: deb
          URIs: http://me:secret@m.example/ubuntu
          Suites: jammy jammy-updates jammy-security
          Components: main universe
          Signed-By: /keys/ubuntu-archive-keyring.gpg

          """)
    }
  }

  @Test("a machine without sources says what is missing") func machineWithoutSources() throws {
    try withScratch { root in
      let apt = try aptOfTest(root)
      let nothing = #expect(throws: Failure.self) {
        try AptSources.resolve(suite: nil, mirror: nil, components: nil, configuration: apt, root: root.path)
      }
      #expect(nothing?.message.contains("os-release cannot be read") == true)
      try root.write(bookworm, to: "usr/lib/os-release")
      let failure = #expect(throws: Failure.self) {
        try AptSources.resolve(suite: nil, mirror: nil, components: nil, configuration: apt, root: root.path)
      }
      #expect(failure?.message.hasPrefix("apt on this machine lacks a source for bookworm in ") == true)
      #expect(failure?.remedy == "add one, or name mirror and suite in the configuration")
    }
  }
}
