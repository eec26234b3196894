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

  package var withoutCredentials: AptSources { AptSources(entries: entries.map(\.withoutCredentials)) }

  /// The key files that `Signed-By` names: the guest needs them too.
  package var keyFiles: [String] {
    var files: [String] = []
    for entry in entries {
      for word in (entry.option("Signed-By") ?? "").split(whereSeparator: \.isWhitespace)
      where word.first == "/" && !files.contains(String(word)) {
        files.append(String(word))
      }
    }
    return files
  }

  /// All that apt on this machine has configured, in the order it reads it: `sources.list`, then the files of
  /// `sources.list.d` by name.
  ///
  /// - Parameter root: the folder that stands for `/`.
  package static func ofThisMachine(root: String = "") throws(Failure) -> AptSources {
    var entries: [AptSource] = []
    let main = "\(root)/etc/apt/sources.list"
    if let text = try read(main) { entries += try AptSource.parse(oneLine: text, file: main) }
    let parts = "\(root)/etc/apt/sources.list.d"
    for name in (try? Folder(parts).names()) ?? [] where isRead(name) {
      let file = "\(parts)/\(name)"
      guard let text = try read(file) else { continue }
      entries +=
        name.hasSuffix(".list")
        ? try AptSource.parse(oneLine: text, file: file) : try AptSource.parse(deb822: text, file: file)
    }
    return AptSources(entries: entries)
  }

  /// The entries for `suite` itself, its updates and its security fixes, for processors of `architecture`; backports,
  /// other releases, disks (`cdrom:`) and repositories without suites are left out.
  package func keeping(suite: String, architecture: String = Release.architecture) -> AptSources {
    let wanted: Set = [suite, "\(suite)-updates", "\(suite)-security", "\(suite)/updates"]
    var kept: [AptSource] = []
    for var entry in entries {
      entry.suites = entry.suites.filter(wanted.contains)
      entry.uris = entry.uris.filter { !$0.hasPrefix("cdrom:") }
      let architectures = (entry.option("Architectures") ?? architecture).split(whereSeparator: \.isWhitespace)
      guard !entry.suites.isEmpty, !entry.uris.isEmpty, architectures.contains(Substring(architecture)),
        !kept.contains(entry)
      else { continue }
      kept.append(entry)
    }
    return AptSources(entries: kept)
  }

  /// The same mirrors for another release, where apt here knows nothing of that release: `unstable` has neither updates
  /// nor security fixes of its own.
  func replacing(suite: String, by other: String) -> AptSources {
    var entries = self.entries
    for index in entries.indices {
      let suites = entries[index].suites.filter { $0 == suite || !["sid", "unstable"].contains(other) }
      entries[index].suites = suites.map { other + $0.dropFirst(suite.count) }
    }
    return AptSources(entries: entries.filter { !$0.suites.isEmpty })
  }

  /// What a guest is built from.
  ///
  /// - Parameters:
  ///   - suite: nil is this machine's own release.
  ///   - mirror: a URI, or nil for this machine's own.
  ///   - pockets: more suites of the mirror, by what their names have behind the release's and a hyphen.
  ///   - keyring: a file with the keys that sign the mirror, or nil for those that apt on this machine trusts.
  ///   - components: nil is what this machine uses; with a mirror, `main`.
  ///   - root: the folder that stands for `/`.
  /// - Throws: `.invalid` when this machine has no source for the release, or not the keyring.
  package static func resolve(
    suite: String?, mirror: String?, pockets: [String] = [], keyring: String? = nil, components: [String]?,
    root: String = ""
  ) throws(Failure) -> (suite: String, sources: AptSources) {
    if let mirror {
      guard mirror.contains(":/"), !mirror.contains(where: \.isWhitespace) else {
        throw Failure(
          .invalid, "the mirror \(removingCredentials(mirror)) is no URI",
          remedy: "write it as http://deb.debian.org/debian")
      }
      let suite = if let suite { suite } else { try Release.ofThisMachine(root: root).codename }
      if let keyring, access("\(root)\(keyring)", R_OK) != 0 {
        let isUbuntu = keyring.split(separator: "/").last?.hasPrefix("ubuntu-") == true
        throw Failure(
          .invalid, "the keyring \(keyring), whose keys sign \(removingCredentials(mirror)), is not on this machine",
          remedy: "run apt-get install \(isUbuntu ? "ubuntu-keyring" : "debian-archive-keyring"), or copy the file here"
        )
      }
      let source = AptSource(
        uris: [mirror], suites: [suite] + pockets.map { "\(suite)-\($0)" }, components: components ?? ["main"],
        options: keyring.map { [AptSource.Field("Signed-By", $0)] } ?? [])
      return (suite, AptSources(entries: [source]))
    }
    let machine = try ofThisMachine(root: root)
    var sources: AptSources
    let wanted: String
    if let suite {
      wanted = suite
      sources = machine.keeping(suite: suite)
      if sources.entries.isEmpty, let own = try? Release.ofThisMachine(root: root).codename {
        sources = machine.keeping(suite: own).replacing(suite: own, by: suite)
      }
    } else {
      wanted = try Release.ofThisMachine(root: root).codename
      sources = machine.keeping(suite: wanted)
    }
    guard !sources.entries.isEmpty else {
      throw Failure(
        .invalid, "apt on this machine has no source for \(wanted) in \(root)/etc/apt/sources.list and sources.list.d",
        remedy: "add one, or name mirror and suite in the configuration")
    }
    if let components {
      for index in sources.entries.indices { sources.entries[index].components = components }
    }
    return (wanted, sources)
  }

  private static func read(_ path: String) throws(Failure) -> String? {
    guard access(path, F_OK) == 0 else { return nil }
    return try Descriptor(path, O_RDONLY).text(limit: 1 << 20)
  }

  /// apt takes no other names, so that copies which editors and package tools leave are not read.
  private static func isRead(_ name: String) -> Bool {
    guard name.hasSuffix(".list") || name.hasSuffix(".sources") else { return false }
    return name.first != "." && name.utf8.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
  }
}

func isAlphanumeric(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
    UInt8(ascii: "A")...UInt8(ascii: "Z"):
    true
  default: false
  }
}
