// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// Which of a machine's sources are of a release. The name of a suite need not tell: `stable` and a site's `production` are
/// of the release that their Release file names.
extension AptSources {
  /// How a suite of a source stands to a release.
  enum Standing {
    case belongs, differs
    /// apt has not read its Release file yet.
    case unknown
  }

  /// The entries of `release` itself, its updates and its security fixes, for processors of `architecture`, and those of
  /// which only the archive can tell. Backports, other releases and disks (`cdrom:`) are left out.
  package func keeping(
    suite release: String, _ lists: AptLists, architecture: String = Release.architecture
  ) -> AptSources {
    filtered(architecture) { Self.standing(of: $0, in: $1, to: release, lists) != .differs }
  }

  /// Those of the entries that are known to be of `release`.
  func knownEntries(of release: String, _ lists: AptLists) -> [AptSource] {
    filtered(Release.architecture) { Self.standing(of: $0, in: $1, to: release, lists) == .belongs }.entries
  }

  /// Those of the entries that are of `release`, by what the archives said.
  ///
  /// - Throws: `.invalid` when there are none.
  func narrowed(to release: String, lists: AptLists) throws(Failure) -> AptSources {
    let known = knownEntries(of: release, lists)
    guard !known.isEmpty else {
      let suites = entries.flatMap { source in
        source.suites.map { written in
          let suite = source.uris.lazy.compactMap { lists.suite(written, at: $0) }.first
          let release = suite.map { "\($0.name) \($0.codename)" } ?? "not said"
          return "\n    \(written) of \(removingCredentials(source.uris.joined(separator: " "))): \(release)"
        }
      }
      throw Failure(
        .invalid, "none of apt's sources on this machine is of \(release); their releases are:\(suites.joined())",
        remedy: "add one, or name mirror and suite in the configuration")
    }
    return AptSources(entries: known)
  }

  /// The same mirrors for another release, where apt here knows nothing of that release: `unstable` has neither updates
  /// nor security fixes of its own. Only Debian's and the release's own names of suites say what the other's are.
  func replacing(suite: String, by other: String) -> AptSources {
    var entries = self.entries
    for index in entries.indices {
      entries[index].suites = entries[index].suites.compactMap { written in
        let base = ([suite] + Self.aliases).first {
          written == $0 || written.hasPrefix("\($0)-") || written == "\($0)/updates"
        }
        guard let base else { return nil }
        return written != base && Self.unstable.contains(other) ? nil : other + written.dropFirst(base.count)
      }
    }
    return AptSources(entries: entries.filter { !$0.suites.isEmpty })
  }

  /// Whether the machine has unstable: it says of itself only that it is the next release, or that.
  func followsUnstable(_ release: Release) -> Bool {
    let suites = Set(entries.flatMap(\.suites))
    return release.title.hasSuffix("/sid") && !suites.isDisjoint(with: Self.unstable)
      && suites.isDisjoint(with: [release.codename, "testing"])
  }

  private static let aliases = ["oldoldstable", "oldstable", "stable", "testing"]
  private static let unstable: Set = ["sid", "unstable"]

  private func filtered(_ architecture: String, _ isKept: (_ suite: String, AptSource) -> Bool) -> AptSources {
    var kept: [AptSource] = []
    for var entry in entries where entry.serves(architecture) {
      entry.uris = entry.uris.filter { AptURI($0).method != "cdrom" }
      let source = entry
      entry.suites = entry.suites.filter { isKept($0, source) }
      if !entry.suites.isEmpty, !entry.uris.isEmpty, !kept.contains(entry) { kept.append(entry) }
    }
    return AptSources(entries: kept)
  }

  private static func standing(
    of written: String, in source: AptSource, to release: String, _ lists: AptLists
  ) -> Standing {
    let own = unstable.contains(release) ? unstable : [release]
    let wanted = own.union(own.flatMap { ["\($0)-updates", "\($0)-security", "\($0)/updates"] })
    if wanted.contains(written) { return .belongs }
    /// Such as its backports.
    func isOtherPart(_ name: String) -> Bool { name.hasPrefix("\(release)-") && !wanted.contains(name) }
    if isOtherPart(written) { return .differs }
    guard let suite = source.uris.lazy.compactMap({ lists.suite(written, at: $0) }).first else { return .unknown }
    let names = [suite.codename, suite.name]
    return names.contains(where: wanted.contains) && !names.contains(where: isOtherPart) ? .belongs : .differs
  }
}

extension AptSources {
  /// The same for mmdebstrap, which cannot install a package from a folder of this machine, but from a copy that apt makes.
  ///
  /// - Parameter folder: where lists of mirrors with such folders are written anew.
  func copying(into folder: String) throws(Failure) -> AptSources {
    var sources = self
    for index in entries.indices {
      sources.entries[index].uris = try entries[index].uris.map { (text) throws(Failure) in
        let uri = AptURI(text)
        guard uri.isLocalMirrorList, let list = AptMirrorList(uri.path), list.copying.lines != list.lines else {
          return uri.copying.text
        }
        let file = "\(folder)/mirrors\(uri.path.split(separator: "/").joined(separator: "-"))"
        if access(file, F_OK) != 0 {
          let parts = splitPath(file)
          try Folder(parts.folder).write(Array(list.copying.text.utf8), to: parts.name)
        }
        return "\(uri.method):\(file)"
      }
    }
    return sources
  }
}
