// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Interface
internal import LinuxIO
package import Report

/// An OS definition of one version of the interface, made usable by hosts of another: scripts that translate what the
/// host says, and call those of the definition.
package struct Adaptation: Sendable {
  /// The folder of the new definition.
  package let path: String
  /// The folder of the definition that it calls.
  package let source: String
  /// The highest version that the source knows.
  package let sourceVersion: Int
  /// The highest version that it declares.
  package let version: Int
  private let draft: DefinitionDraft

  /// What the hosts cannot say, so that it is fixed in the adaptation.
  package struct Choices: Sendable {
    /// For hosts that know no variants.
    package var variant: String?
    /// For hosts that know no parameters.
    package var parameters: [(name: String, value: String)]
    /// Whether the source is copied into the definition, rather than called where it is.
    package var isCopied: Bool

    package init(variant: String? = nil, parameters: [(name: String, value: String)] = [], isCopied: Bool = false) {
      self.variant = variant
      self.parameters = parameters
      self.isCopied = isCopied
    }
  }

  /// - Parameters:
  ///   - folder: the source's.
  ///   - version: the highest that the hosts know: 5, 10, 15 or 20.
  ///   - name: nil is the source's.
  /// - Throws: `.script` for a source that is not valid, `.invalid` for what cannot be adapted so.
  package init(
    of folder: String, to version: Int, into parent: String, name: String? = nil, _ choices: Choices = Choices()
  ) throws(Failure) {
    let found = try AdaptationSource(folder)
    let path = try DefinitionDraft.path(of: name ?? found.name, in: parent, version: version)
    let place = realPath(splitPath(path).folder).map { "\($0)/\(splitPath(path).name)" } ?? path
    let original = realPath(found.path) ?? found.path
    guard place != original, !place.hasPrefix(original + "/") else {
      throw Failure(
        .invalid, "\(path) is the source itself, or inside it",
        remedy: "choose another --name or --into")
    }
    var entries = try AdaptationScripts(found, version, choices).entries
    if choices.isCopied {
      for (file, entry) in try found.files() { entries["\(Self.copy)/\(file)"] = entry }
    }
    self.path = path
    source = found.path
    sourceVersion = found.version
    self.version = version
    draft = DefinitionDraft(path: path, entries: entries)
  }

  static let copy = "source"

  package struct File: Sendable {
    /// In the definition.
    package let name: String
    package let mode: UInt32
    package let size: Int
    /// Nil for what has parameters, which may be secrets, and for what is copied.
    package let text: String?
  }

  /// The files that are written, sorted by name.
  package var files: [File] {
    draft.entries.sorted { $0.key < $1.key }.map { name, entry in
      switch entry {
      case .link(let target): File(name: name, mode: 0o777, size: target.utf8.count, text: nil)
      case .file(let bytes, let mode):
        File(
          name: name, mode: mode, size: bytes.count,
          text: mode == AdaptationScripts.secretMode || name.hasPrefix("\(Self.copy)/")
            ? nil : String(decoding: bytes, as: UTF8.self))
      }
    }
  }

  /// Lays it down, or brings an older adaptation up to date.
  ///
  /// - Throws: `.invalid` when something at the path is not ours; nothing is changed then.
  package func install() throws(Failure) -> InstallationOutcome {
    let missing = try draft.missingFiles(notOurs: notOurs) { () throws(Failure) in
      guard try draft.text(of: AdaptationScripts.sharedFile)?.hasPrefix(AdaptationScripts.mark) == true else {
        throw notOurs("its \(AdaptationScripts.sharedFile) was made by something else, or is missing")
      }
      guard case .file(let versions, _)? = draft.entries[DefinitionFile.version],
        try draft.text(of: DefinitionFile.version) == String(decoding: versions, as: UTF8.self)
      else { throw notOurs("it is for hosts of another version") }
    }
    return try draft.install(missing: missing)
  }

  private func notOurs(_ found: String) -> Failure {
    Failure(
      .invalid, "\(path) is not this adaptation: \(found)",
      remedy: "choose another --name or --into, or move what is there out of the way")
  }
}
