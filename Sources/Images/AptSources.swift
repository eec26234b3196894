// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// Where a guest's packages come from: the machine's own apt sources for one release, or what the configuration names.
package struct AptSources: Equatable, Sendable {
  package var entries: [AptSource]

  package init(entries: [AptSource]) {
    self.entries = entries
  }

  /// A `.sources` file for mmdebstrap and for the guest.
  package var text: String { entries.map(\.text).joined(separator: "\n") }

  package var hasCredentials: Bool { entries.contains(where: \.hasCredentials) }

  /// Its URIs, for a person: each once, and without logins.
  var mirrors: [String] {
    withoutCredentials.entries.flatMap(\.uris).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  package var withoutCredentials: AptSources { AptSources(entries: entries.map(\.withoutCredentials)) }

  /// All that apt on this machine has configured, in the order it reads it: `sources.list`, then the files of
  /// `sources.list.d` by name.
  package static func ofThisMachine(_ configuration: AptConfiguration) throws(Failure) -> AptSources {
    var files = configuration.files(in: "Dir::Etc::sourceparts", endings: [".list", ".sources"])
    if let main = configuration.path("Dir::Etc::sourcelist"), access(main, F_OK) == 0 { files.insert(main, at: 0) }
    var entries: [AptSource] = []
    for file in files {
      let text = String(decoding: try readFile(file, limit: 1 << 20), as: UTF8.self)
      entries +=
        file.hasSuffix(".sources")
        ? try AptSource.parse(deb822: text, file: file) : try AptSource.parse(oneLine: text, file: file)
    }
    return AptSources(entries: entries)
  }

  /// What a guest is built from.
  ///
  /// - Parameters:
  ///   - suite: nil is this machine's own release.
  ///   - mirror: a URI, or nil for this machine's own.
  ///   - pockets: more suites of the mirror, by what their names have behind the release's and a hyphen.
  ///   - keyring: a file with the keys that sign the mirror, or nil for those that apt on this machine trusts.
  ///   - components: nil is what this machine uses; with a mirror, `main`.
  ///   - root: the folder that stands for `/`, but for apt, whose configuration names its own.
  /// - Throws: `.invalid` when this machine lacks a source for the release, or not the keyring.
  package static func resolve(
    suite: String?, mirror: String?, pockets: [String] = [], keyring: String? = nil, components: [String]?,
    configuration: AptConfiguration, root: String = ""
  ) throws(Failure) -> (suite: String, sources: AptSources) {
    if let mirror {
      let suite = if let suite { suite } else { try Release.ofThisMachine(root: root).codename }
      let source = try source(
        of: mirror, suites: [suite] + pockets.map { "\(suite)-\($0)" }, components: components ?? ["main"],
        keyring: keyring, root: root)
      return (suite, AptSources(entries: [source]))
    }
    let machine = try ofThisMachine(configuration)
    let lists = AptLists(configuration)
    var sources: AptSources
    let wanted: String
    if let suite {
      wanted = suite
      sources = machine.keeping(suite: suite, lists)
      if sources.knownEntries(of: suite, lists).isEmpty, let own = try? Release.ofThisMachine(root: root).codename,
        own != suite
      {
        let others = machine.keeping(suite: own, lists).replacing(suite: own, by: suite)
        if !others.entries.isEmpty { sources = others }
      }
    } else {
      let release = try Release.ofThisMachine(root: root)
      wanted = machine.followsUnstable(release) ? "sid" : release.codename
      sources = machine.keeping(suite: wanted, lists)
    }
    guard !sources.entries.isEmpty else {
      let files = [configuration.path("Dir::Etc::sourcelist"), configuration.path("Dir::Etc::sourceparts")]
      throw Failure(
        .invalid,
        "apt on this machine lacks a source for \(wanted) in \(files.compactMap(\.self).joined(separator: " and "))",
        remedy: "add one, or name mirror and suite in the configuration")
    }
    if let components {
      for index in sources.entries.indices where !sources.entries[index].components.isEmpty {
        sources.entries[index].components = components
      }
    }
    return (wanted, sources)
  }

  private static func source(
    of mirror: String, suites: [String], components: [String], keyring: String?, root: String
  ) throws(Failure) -> AptSource {
    guard mirror.contains(":/"), !mirror.contains(where: \.isWhitespace) else {
      throw Failure(
        .invalid, "the mirror \(removingCredentials(mirror)) is not a URI",
        remedy: "write it as http://deb.debian.org/debian")
    }
    if let keyring, access("\(root)\(keyring)", R_OK) != 0 {
      let isUbuntu = keyring.split(separator: "/").last?.hasPrefix("ubuntu-") == true
      throw Failure(
        .invalid, "the keyring \(keyring), whose keys sign \(removingCredentials(mirror)), is not on this machine",
        remedy: "run apt-get install \(isUbuntu ? "ubuntu-keyring" : "debian-archive-keyring"), or copy the file here")
    }
    return AptSource(
      uris: [mirror], suites: suites, components: components,
      options: keyring.map { [AptSource.Field("Signed-By", $0)] } ?? [])
  }
}

/// ASCII letters and digits, whatever the language.
func isAlphanumeric(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
    UInt8(ascii: "A")...UInt8(ascii: "Z"):
    true
  default: false
  }
}
