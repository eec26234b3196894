// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Images

/// What a guest gets of the machine's apt.
@Suite struct GuestAptTests {
  private func guest(
    _ entries: [AptSource], _ apt: AptConfiguration, packages: [String] = [], certificates: String = "/nowhere"
  ) -> GuestApt {
    GuestApt(
      AptSources(entries: entries), isMachines: true, configuration: apt, packages: packages, certificates: certificates
    )
  }

  private func source(_ uris: String..., suite: String = "bookworm", options: [AptSource.Field] = []) -> AptSource {
    AptSource(uris: uris, suites: [suite], components: ["main"], options: options)
  }

  private func text(_ path: String, of guest: GuestApt) -> String? {
    guest.files.first { $0.path == path }.map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  @Test("what is of the machine alone stays there and is told") func machineAloneStays() throws {
    try withScratch { scratch in
      let list = try scratch.write(
        "# mirrors\nfile:/srv/mirror/\tpriority:1\nhttp://joe:secret@m.example/debian\tpriority:2\n", to: "mirrors.list"
      )
      let guest = guest(
        [
          source("file:/srv/mirror", "http://m.example/debian"), source("copy:/srv/other"), source("ssh://h.example/a"),
          source("tor+http://onion.example/debian"), source("mirror+file:\(list)"),
        ], try aptOfTest(scratch))
      let copy = "/etc/apt/mirrors/" + list.split(separator: "/").joined(separator: "-")
      #expect(guest.sources.entries.flatMap(\.uris) == ["http://m.example/debian", "mirror+file:\(copy)"])
      #expect(text(copy, of: guest) == "# mirrors\nhttp://m.example/debian\tpriority:2\n")
      #expect(
        guest.notes == [
          "file:/srv/mirror is of this machine alone: the guest's apt does not have it",
          "copy:/srv/other is of this machine alone: the guest's apt does not have it",
          "apt in the guest has no method ssh: it does not have the source ssh://h.example/a",
          "apt in the guest has no method tor+http: it does not have the source tor+http://onion.example/debian",
        ])
      let nothing = self.guest([source("file:/srv/mirror")], try aptOfTest(scratch))
      #expect(nothing.notes.last == "the guest's apt has no source of packages")
      let tor = self.guest([source("tor+http://o.example/")], try aptOfTest(scratch), packages: ["apt-transport-tor"])
      #expect(tor.sources.entries.count == 1 && tor.notes.isEmpty)
    }
  }

  @Test("logins stay on the machine") func loginsStayOnTheMachine() throws {
    try withScratch { scratch in
      let apt = try aptOfTest(
        scratch,
        """
        Acquire::https::SslCert "/etc/site/client.crt";
        Acquire::https::SslKey "/etc/site/client.key";

        """)
      try scratch.write(
        "machine http://b.example/debian login joe password s3cret\n", to: "machine/etc/apt/auth.conf.d/b.conf")
      try scratch.write("machine unused.example\n login joe\n password s3cret\n", to: "machine/etc/apt/auth.conf")
      let guest = guest([source("http://joe:s3cret@a.example/debian"), source("http://b.example/debian")], apt)
      #expect(!guest.files.contains { String(decoding: $0.bytes, as: UTF8.self).contains("s3cret") })
      #expect(!guest.files.contains { $0.path.contains("auth.conf") || $0.path.contains("client") })
      #expect(
        guest.notes == [
          "the guest's apt has no login for a.example: logins stay on this machine",
          "the guest's apt has no login for b.example: logins stay on this machine",
          "the guest's apt goes without Acquire::https::SslCert: logins stay on this machine",
          "the guest's apt goes without Acquire::https::SslKey: logins stay on this machine",
        ])
    }
  }

  @Test("the sites settings go and the machines stay") func sitesSettingsGo() throws {
    try withScratch { scratch in
      let certificate = try scratch.write("certificate", to: "site.crt")
      let apt = try aptOfTest(
        scratch,
        """
        Acquire::http::Proxy "http://proxy.example:3128";
        Acquire::https::Proxy "http://127.0.0.1:3142";
        Acquire::http::Proxy::secret.example "http://joe:s3cret@other.example:3128";
        Acquire::http::Proxy::near.example "DIRECT";
        Acquire::http::Proxy-Auto-Detect "/usr/local/bin/proxy";
        Acquire::https::CAInfo "\(certificate)";
        Acquire::Check-Valid-Until "false";
        Acquire::AllowWeakRepositories "0";
        Acquire::Languages { "de"; };

        """)
      let guest = guest([source("http://m.example/debian")], apt)
      let copy = "/etc/apt/certificates/" + certificate.split(separator: "/").joined(separator: "-")
      let settings = try #require(text("/etc/apt/apt.conf.d/90guestsmith", of: guest))
      #expect(
        Set(settings.split(separator: "\n")) == [
          "Acquire::http::Proxy \"http://proxy.example:3128\";", "Acquire::http::Proxy::near.example \"DIRECT\";",
          "Acquire::https::CAInfo \"\(copy)\";", "Acquire::Check-Valid-Until \"false\";",
        ])
      #expect(text(copy, of: guest) == "certificate")
      #expect(
        Set(guest.notes) == [
          "the guest's apt goes without the proxy http://127.0.0.1:3142, which is of this machine alone",
          "the guest's apt goes without the proxy other.example: logins stay on this machine",
          "the guest's apt goes without Acquire::http::Proxy-Auto-Detect, which names a file of this machine",
        ])
    }
  }

  @Test("which keys are strong enough goes where the site says it, and not where its apt does") func keyAlgorithms()
    throws
  {
    try withScratch { scratch in
      func settings(_ more: String) throws -> String? {
        text("/etc/apt/apt.conf.d/90guestsmith", of: guest([source("http://m.example/")], try aptOfTest(scratch, more)))
      }
      // Whatever the apt of this machine has by itself.
      let own = "APT::Key::Assert-Pubkey-Algo \">=rsa2048\";"
      let apt = try aptOfTest(scratch)
      let dumped = AptConfiguration(settings: apt.settings + AptConfiguration.parse(own), environment: apt.environment)
      #expect(text("/etc/apt/apt.conf.d/90guestsmith", of: guest([source("http://m.example/")], dumped)) == nil)
      #expect(try settings(own + "\n")?.contains(own + "\n") == true)
    }
  }

  @Test("the authorities of the site go with https") func authoritiesSiteGo() throws {
    try withScratch { scratch in
      try scratch.write("a", to: "ca/a.crt")
      try scratch.write("b", to: "ca/site/b.crt")
      try scratch.write("no certificate", to: "ca/README")
      func paths(_ uri: String) throws -> [String] {
        guest([source(uri)], try aptOfTest(scratch), certificates: scratch("ca")).files.map(\.path)
          .filter { $0.hasSuffix(".crt") }
      }
      #expect(
        try paths("https://m.example/") == [
          "/usr/local/share/ca-certificates/a.crt", "/usr/local/share/ca-certificates/site/b.crt",
        ])
      #expect(try paths("http://m.example/").isEmpty)
    }
  }

  @Test("pins go but for those on hosts that the guest has not") func pinsGoBut() throws {
    try withScratch { scratch in
      let apt = try aptOfTest(scratch)
      try scratch.write(
        "# a pin\nPackage: *\nPin: release n=bookworm\nPin-Priority: 900\n\n\nPackage: a\nPin: origin \"m.example\"\nPin-Priority: 1\n",
        to: "machine/etc/apt/preferences")
      try scratch.write(
        "Package: nodejs\nPin: origin deb.node.example\nPin-Priority: 600\n", to: "machine/etc/apt/preferences.d/node")
      try scratch.write("Package: x\nPin: origin \"\"\nPin-Priority: 5\n", to: "machine/etc/apt/preferences.d/x.pref")
      try scratch.write("Package: y\nPin: version 1\nPin-Priority: 5\n", to: "machine/etc/apt/preferences.d/y.save")
      let pins = text("/etc/apt/preferences.d/guestsmith", of: guest([source("http://m.example:80/debian")], apt))
      #expect(
        pins == """
          Package: *
          Pin: release n=bookworm
          Pin-Priority: 900

          Package: a
          Pin: origin "m.example"
          Pin-Priority: 1

          Package: x
          Pin: origin ""
          Pin-Priority: 5

          """)
    }
  }

  @Test("keys go along and make another image") func keysGoAlongAndMakeAnotherImage() throws {
    try withScratch { scratch in
      let apt = try aptOfTest(scratch)
      let file = try scratch.write("key", to: "site.gpg")
      try scratch.write("trusted", to: "machine/etc/apt/trusted.gpg.d/site.asc")
      try scratch.write("debian's", to: "machine/etc/apt/trusted.gpg.d/debian-archive-bookworm-stable.asc")
      func key(_ options: String) throws -> String {
        try scratch.write("deb \(options) http://m.example/ bookworm main\n", to: "machine/etc/apt/sources.list")
        return try ImageRecipe(ImageRequest(suite: "bookworm"), apt).key
      }
      func files() throws -> [String] {
        try ImageRecipe(ImageRequest(suite: "bookworm"), apt).guest.files.map(\.path)
          .filter { !$0.hasSuffix("/debian.sources") }
      }
      let first = try key("[signed-by=\(file)]")
      let copy = "/etc/apt/keyrings/" + file.split(separator: "/").joined(separator: "-")
      #expect(try files() == [copy])
      try scratch.write("another key", to: "site.gpg")
      #expect(try key("[signed-by=\(file)]") != first)
      _ = try key("")
      #expect(try files() == ["/etc/apt/trusted.gpg.d/site.asc"])
      _ = try key("[trusted=yes]")
      #expect(try files().isEmpty)
      let plain = try key("")
      try scratch.write("Package: *\nPin: release n=a\nPin-Priority: 1\n", to: "machine/etc/apt/preferences")
      let pinned = try key("")
      #expect(pinned != plain)
      try scratch.write("machine m.example login joe password s3cret\n", to: "machine/etc/apt/auth.conf")
      #expect(try key("") == pinned, "a login changes no image")
    }
  }
}
