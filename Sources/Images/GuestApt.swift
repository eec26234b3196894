// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO

/// What a guest gets of this machine's apt, so that its own apt works: the sources with the keys, lists of mirrors and
/// certificates that they name, the pins, and the settings that hold for any machine. No logins, and nothing that leads to
/// this machine alone.
package struct GuestApt: Equatable, Sendable {
  struct File: Equatable, Sendable {
    /// In the guest, from its root on.
    var path: String
    var bytes: [UInt8]
  }

  private(set) var sources = AptSources(entries: [])
  private(set) var files: [File] = []
  /// What the guest cannot have, for the person who makes it.
  private(set) var notes: [String] = []

  /// - Parameters:
  ///   - sources: those of the bootstrap.
  ///   - isMachines: whether they are this machine's own, so that its pins are about them.
  ///   - packages: what the guest has besides Debian's minimum.
  ///   - certificates: the folder of the authorities that this machine's administrator trusts.
  init(
    _ sources: AptSources, isMachines: Bool, configuration: AptConfiguration, packages: [String],
    certificates: String = "/usr/local/share/ca-certificates"
  ) {
    self.sources.entries = sources.entries.compactMap { forGuest($0, packages: packages) }
    if self.sources.entries.isEmpty { note("the guest's apt has no source of packages") }
    add(Array(self.sources.text.utf8), as: "/etc/apt/sources.list.d/debian.sources")
    tellLogins(of: sources, configuration)
    if self.sources.entries.contains(where: \.needsTrustedKeys) { addTrustedKeys(configuration) }
    let uris = usedURIs
    let settings = settings(configuration)
    if !settings.isEmpty { add(Array(settings.utf8), as: "/etc/apt/apt.conf.d/90guestsmith") }
    if uris.contains(where: { $0.method.hasSuffix("https") }) { addCertificates(in: certificates, to: "") }
    if isMachines {
      let isKnown = !uris.contains { $0.method.hasPrefix("mirror") }
      let pins = AptPreferences.text(configuration, hosts: isKnown ? Set(uris.map(\.host)) : nil)
      if !pins.isEmpty { add(Array(pins.utf8), as: "/etc/apt/preferences.d/guestsmith") }
    }
  }

  // MARK: Sources and keys

  private mutating func forGuest(_ source: AptSource, packages: [String]) -> AptSource? {
    var entry = source.withoutCredentials
    entry.uris = entry.uris.compactMap { text in
      let uri = AptURI(text)
      guard uri.isForGuests(packages) else {
        note(
          uri.isLocal
            ? "\(text) is of this machine alone: the guest's apt does not have it"
            : "apt in the guest has no method \(uri.method): it does not have the source \(text)")
        return nil
      }
      guard uri.isLocalMirrorList, let list = AptMirrorList(uri.path)?.forGuests(packages) else { return text }
      guard !list.uris.isEmpty else {
        note("the mirrors in \(uri.path) are of this machine alone: the guest's apt does not have them")
        return nil
      }
      return "\(uri.method):\(add(Array(list.text.utf8), of: uri.path, orIn: "mirrors"))"
    }
    if entry.uris.isEmpty { return nil }
    return entry.replacingKeyFiles { path in
      guard let key = try? readFile(path, limit: Self.largest) else { return path }
      return add(key, of: path, orIn: "keyrings")
    }
  }

  /// The keys that apt here trusts for every source. The guest has its distribution's by itself.
  private mutating func addTrustedKeys(_ configuration: AptConfiguration) {
    let main = configuration.path("Dir::Etc::trusted").map { [$0] } ?? []
    for file in main + configuration.files(in: "Dir::Etc::trustedparts", endings: [".gpg", ".asc"]) {
      let name = splitPath(file).name
      guard !name.hasPrefix("debian-archive-"), !name.hasPrefix("ubuntu-keyring-"),
        let key = try? readFile(file, limit: Self.largest), !key.isEmpty
      else { continue }
      add(key, as: "/etc/apt/trusted.gpg.d/\(name)")
    }
  }

  /// The URIs of the guest's sources, with those in lists of mirrors.
  private var usedURIs: [AptURI] {
    sources.entries.flatMap(\.uris).flatMap { text in
      let uri = AptURI(text)
      guard uri.isLocalMirrorList else { return [uri] }
      // Its list is one of the files already.
      let list = files.first { $0.path == uri.path }.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
      return list.split(separator: "\n").compactMap { AptMirrorList.uri(of: String($0)) }
    }
  }

  private mutating func tellLogins(of sources: AptSources, _ configuration: AptConfiguration) {
    var hosts = Set(sources.entries.filter(\.hasCredentials).flatMap(\.uris).map { AptURI($0).host })
    let machines = configuration.hostsWithLogin
    hosts.formUnion(usedURIs.map(\.host).filter(machines.contains))
    for host in hosts.sorted() where !host.isEmpty {
      note("the guest's apt has no login for \(host): logins stay on this machine")
    }
  }

  // MARK: Settings

  /// The settings that hold for the archives and the site rather than for this machine, as lines of apt.conf(5).
  private mutating func settings(_ configuration: AptConfiguration) -> String {
    let conditions = [
      "Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::Max-ValidTime", "Acquire::Min-ValidTime",
      "Acquire::Max-FutureTime", "Acquire::AllowInsecureRepositories", "Acquire::AllowWeakRepositories",
      "Acquire::AllowDowngradeToInsecureRepositories", "Acquire::By-Hash", "Acquire::Retries", "Acquire::http",
      "Acquire::https", "Acquire::ftp", "APT::Key", "APT::Hashes",
    ]
    var lines = ""
    for var setting in configuration.settings where conditions.contains(where: setting.belongs) {
      let words = setting.name.lowercased().split(separator: "::").map { String($0) }
      func names(_ some: String...) -> Bool { some.contains(where: words.contains) }
      // apt's own defaults are among them: what is not allowed needs no word, and a group has no value.
      if setting.value.isEmpty || (words[1].hasPrefix("allow") && isNo(setting.value)) { continue }
      // Which keys are strong enough each release of apt says anew.
      if names("assert-pubkey-algo"), !configuration.isWritten("assert-pubkey-algo") { continue }
      if names("proxy-auto-detect", "proxyautodetect", "gpgvcommand", "capath") {
        note("the guest's apt goes without \(setting.name), which names a file of this machine")
      } else if names("sslcert", "sslkey") {
        note("the guest's apt goes without \(setting.name): logins stay on this machine")
      } else if names("proxy"), !["direct", "false"].contains(setting.value.lowercased()), !isForGuests(setting) {
        continue
      } else {
        if names("cainfo", "crlfile", "issuercert"), let file = try? readFile(setting.value, limit: Self.largest) {
          setting.value = add(file, of: setting.value, orIn: "certificates")
        }
        lines += setting.line
      }
    }
    return lines
  }

  private mutating func isForGuests(_ proxy: AptConfiguration.Setting) -> Bool {
    let host = AptURI(proxy.value).host
    if ["localhost", "ip6-localhost", "::1"].contains(host) || host.hasPrefix("127.") {
      note("the guest's apt goes without the proxy \(removingCredentials(proxy.value)), which is of this machine alone")
    } else if removingCredentials(proxy.value) != proxy.value {
      note("the guest's apt goes without the proxy \(host): logins stay on this machine")
    } else {
      return true
    }
    return false
  }

  /// The authorities that the administrator of this machine has added to the system's: update-ca-certificates(8) takes
  /// them from the same folder of the guest.
  private mutating func addCertificates(in folder: String, to below: String) {
    for name in visibleEntries(of: folder).names {
      let path = "\(folder)/\(name)"
      if isFolder(path) {
        // A link back to a folder above has no end.
        if linkTarget(path) == nil { addCertificates(in: path, to: "\(below)\(name)/") }
      } else if name.hasSuffix(".crt"), let certificate = try? readFile(path, limit: Self.largest) {
        add(certificate, as: "\(Self.certificates)/\(below)\(name)")
      }
    }
  }

  // MARK: Files

  static let certificates = "/usr/local/share/ca-certificates"
  /// In bytes; no keyring and no list of mirrors comes near.
  private static let largest = 64 << 20

  /// Adds a file of this machine under its own path, or, where that is not a place for a file of the system, in a folder of
  /// `/etc/apt`; returns the path.
  private mutating func add(_ bytes: [UInt8], of path: String, orIn folder: String) -> String {
    let parts = path.split(separator: "/").filter { $0 != "." && $0 != ".." }
    let isOfSystem =
      ["/etc/", "/usr/share/", "/usr/local/share/"].contains(where: path.hasPrefix) && !path.contains("/../")
    let place = isOfSystem ? "/" + parts.joined(separator: "/") : "/etc/apt/\(folder)/\(parts.joined(separator: "-"))"
    add(bytes, as: place)
    return place
  }

  private mutating func add(_ bytes: [UInt8], as path: String) {
    if !files.contains(where: { $0.path == path }) { files.append(File(path: path, bytes: bytes)) }
  }

  private mutating func note(_ line: String) {
    if !notes.contains(line) { notes.append(line) }
  }
}

extension AptConfiguration {
  /// The hosts for which apt has a login, by apt_auth.conf(5), in lower case.
  var hostsWithLogin: Set<String> {
    let files = (path("Dir::Etc::netrc").map { [$0] } ?? []) + files(in: "Dir::Etc::netrcparts", endings: [".conf"])
    var hosts: Set<String> = []
    for text in files.compactMap({ fileText($0) }) {
      let words = text.split(whereSeparator: \.isWhitespace)
      for (word, next) in zip(words, words.dropFirst()) where word == "machine" {
        let place = next.split(separator: "/").drop { $0.hasSuffix(":") }.first ?? ""
        hosts.insert(place.prefix { $0 != ":" }.lowercased())
      }
    }
    return hosts
  }
}
