// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Images

/// What apt accepts on the machine, the bootstrap's apt fetches, and so does an apt that has only what a guest gets.
@Suite struct GuestAptWorksTests {
  /// Has apt fetch the lists three times: as the machine, as the bootstrap and as a guest.
  ///
  /// - Parameter source: the lines of sources.list, or a stanza.
  private func expectAccepted(
    _ scratch: TestSupport.Scratch, _ source: String, settings: String = "", login: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let apt = try aptOfTest(scratch, settings)
    try scratch.write(
      source + "\n", to: "machine/etc/apt/sources.list.d/a.\(source.hasPrefix("Types:") ? "sources" : "list")")
    let update = "apt-get update --error-on=any"
    let machine = try bash(update, environment: ["APT_CONFIG": scratch("machine/apt.conf")])
    #expect(machine.status == 0, "the machine: \(machine)", sourceLocation: sourceLocation)

    let recipe = try ImageRecipe(ImageRequest(suite: "bookworm"), apt)
    let bootstrap = AptUpdate(folder: try scratch.folder("work"), searchPath: Bootstrap.searchPath)
    let preferences = try scratch.write("", to: "preferences")
    try bootstrap.run(
      recipe.sources.copying(into: scratch.path), mirrors: [], settings: apt.forBootstrap(preferences: preferences),
      architecture: recipe.architecture)
    #expect(try bootstrap.plan(["base"]).installed > 0, sourceLocation: sourceLocation)

    // Its files name others by their paths in the guest.
    for file in recipe.guest.files {
      let text = String(decoding: file.bytes, as: UTF8.self)
      let isText = file.path.hasSuffix(".sources") || file.path.contains("apt.conf.d")
      let places = ["/etc/apt/keyrings", "/etc/apt/mirrors", "/etc/apt/certificates"]
      let moved = places.reduce(text) { $0.replacing($1, with: scratch("guest") + $1) }
      try scratch.write(isText ? Array(moved.utf8) : file.bytes, to: "guest" + file.path)
    }
    for folder in [
      "etc/apt/preferences.d", "etc/apt/apt.conf.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial",
    ] {
      try scratch.folder("guest/\(folder)")
    }
    if let login { try scratch.write("machine 127.0.0.1 \(login)\n", to: "guest/etc/apt/auth.conf") }
    let configuration = """
      Dir "\(scratch("guest"))";
      Dir::State::status "/dev/null";
      APT::Sandbox::User "root";

      """
    let outcome = try bash(
      update, environment: ["APT_CONFIG": try scratch.write(configuration, to: "guest/apt.conf")])
    #expect(outcome.status == 0, "the guest: \(outcome)", sourceLocation: sourceLocation)
    #expect(!outcome.output.contains(scratch("machine")), sourceLocation: sourceLocation)
  }

  @Test("keys in every place") func keysInEveryPlace() throws {
    for place in ["inline", "file", "trusted", "fingerprint"] {
      try withScratch { scratch in
        let key = try TestKey(in: scratch, "site")
        defer { key.remove() }
        let archive = try TestArchive(in: scratch)
        try archive.add("bookworm", key: key)
        let server = try archive.serve()
        try scratch.folder("machine/etc/apt/trusted.gpg.d")
        if place == "trusted" || place == "fingerprint" {
          try scratch.write(key.armored + "\n", to: "machine/etc/apt/trusted.gpg.d/site.asc")
        }
        let value = ["inline": key.field, "file": key.file, "fingerprint": key.fingerprint][place]
        try expectAccepted(
          scratch,
          "Types: deb\nURIs: http://127.0.0.1:\(server.port)\nSuites: bookworm\nComponents: main\n"
            + (value.map { "Signed-By: \($0)" } ?? ""))
      }
    }
  }

  @Test("logins certificates and proxies") func loginsCertificatesAndProxies() throws {
    try withScratch { scratch in
      let archive = try TestArchive(in: scratch)
      try archive.add("bookworm")
      let authority = try TestAuthority(in: scratch)
      let secure = try archive.serve(login: "joe:secret", tls: authority)
      try scratch.write(
        "machine 127.0.0.1 login joe password secret\n", to: "machine/etc/apt/auth.conf.d/site.conf", mode: 0o600)
      try expectAccepted(
        scratch, "deb [trusted=yes] https://127.0.0.1:\(secure.port) bookworm main",
        settings: "Acquire::https::CAInfo \"\(authority.certificate)\";\n", login: "login joe password secret")
    }
    try withScratch { scratch in
      let archive = try TestArchive(in: scratch)
      try archive.add("bookworm")
      let proxy = try archive.serve()
      // The machine's name for itself is not one of those that cannot be a proxy's.
      let name = try shell("hostname")
      let isKnown = try bash("getent ahostsv4 '\(name)' | grep -q '^127\\.0\\.0\\.1 '").status == 0
      try expectAccepted(
        scratch, "deb [trusted=yes] http://mirror.example/ bookworm main",
        settings: "Acquire::http::Proxy \"http://\(isKnown ? name : "127.0.0.1"):\(proxy.port)\";\n")
      #expect(try proxy.requests().contains("http://mirror.example/dists/bookworm/Release"))
    }
  }

  @Test("lists of mirrors") func listsOfMirrors() throws {
    try withScratch { scratch in
      let archive = try TestArchive(in: scratch)
      try archive.add("bookworm")
      let server = try archive.serve()
      let list = try scratch.write(
        "file:\(archive.folder)/\tpriority:1\nhttp://127.0.0.1:\(server.port)/\tpriority:2\n", to: "mirrors.list")
      try expectAccepted(scratch, "deb [trusted=yes] mirror+file:\(list) bookworm main")
      #expect(try server.requests().contains("/dists/bookworm/Release"), "the guest has no other")
    }
  }

  @Test("repositories without suites and folders") func repositoriesWithoutSuites() throws {
    try withScratch { scratch in
      let archive = try TestArchive(in: scratch)
      try archive.add("./")
      let server = try archive.serve()
      let folder = try TestArchive(in: scratch, "folder")
      try folder.add("bookworm")
      try expectAccepted(
        scratch,
        """
        deb [trusted=yes] http://127.0.0.1:\(server.port) ./
        deb [trusted=yes] file:\(folder.folder) bookworm main
        """)
    }
  }
}
