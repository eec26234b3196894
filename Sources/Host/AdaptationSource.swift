// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Report

/// The OS definition that is adapted.
struct AdaptationSource: Sendable {
  enum Speech: Sendable, Equatable {
    /// Version 5, or 4, which is the same without `rename`.
    case arguments(hasRename: Bool)
    /// The highest version that it knows.
    case environment(version: Int)
  }

  let name: String
  /// Absolute.
  let path: String
  /// As it says itself.
  let version: Int
  let speech: Speech
  let variants: [String]
  let parameters: [OSDefinition.Parameter]

  /// - Throws: `.script` for what is not a valid definition, `.invalid` for one that cannot be adapted.
  init(_ folder: String) throws(Failure) {
    var path = absolute(folder)
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    guard path.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
      throw Failure(.invalid, "the path of a definition has no control characters, as \(path.quoted) has")
    }
    guard isFolder(path) else { throw Failure(.script, "there is no OS definition \(path.quoted)") }
    let (parent, name) = splitPath(path)
    let definition = OSDefinition(judging: name, in: parent)
    self.name = name
    self.path = path
    if definition.versions == [4] {
      for script in [Script.create, .import, .export] { try Self.checkScript("\(path)/\(script.rawValue)") }
      version = 4
      speech = .arguments(hasRename: examine("\(path)/\(Script.rename.rawValue)").error == 0)
      (variants, parameters) = ([], [])
      return
    }
    if case .invalid(let fault) = definition.judgement {
      throw Failure(
        .script, "the OS definition \(path) is not valid: \(fault)",
        remedy: "correct it until guestsmith os diagnose calls it valid")
    }
    guard let contents = definition.contents, let spoken = definition.spokenVersion else {
      throw Failure(.script, "the OS definition \(path) is not valid")
    }
    // A definition that declares later versions beside 5 is seldom called in version 5.
    guard spoken > 5 else {
      (version, speech, variants, parameters) = (5, .arguments(hasRename: true), [], [])
      return
    }
    guard contents.isTrusted else {
      throw Failure(
        .invalid, "the OS definition \(path) has a create_untrusted, which hosts run in a virtual machine",
        remedy: "such a definition cannot be adapted")
    }
    version = spoken
    speech = .environment(version: spoken)
    variants = contents.variants
    parameters = contents.parameters
  }

  private static func checkScript(_ path: String) throws(Failure) {
    let (status, error) = examine(path)
    guard error == 0, status.isRegular, status.st_mode & S_IXUSR != 0 else {
      throw Failure(
        .script,
        "the OS definition is not valid: \(path) is \(error == 0 ? "not an executable file" : "missing")")
    }
  }

  // MARK: Its files

  /// All files of the definition, by their paths in it. Symbolic links to files of it stay links; others become what
  /// they lead to, so that a copy needs nothing else.
  func files() throws(Failure) -> [String: DefinitionDraft.Entry] {
    var entries: [String: DefinitionDraft.Entry] = [:]
    try add("", to: &entries)
    return entries
  }

  private static let limit = 64 << 20

  private func add(_ prefix: String, to entries: inout [String: DefinitionDraft.Entry]) throws(Failure) {
    let (names, error) = allEntries(of: "\(path)/\(prefix)")
    guard error == 0 else { throw .system("read the folder", "\(path)/\(prefix)", errno: error) }
    for name in names {
      let file = "\(path)/\(prefix)\(name)"
      if let target = linkTarget(file), !target.contains("/"), target != "..", examine(file).status.isRegular {
        entries[prefix + name] = .link(to: target)
        continue
      }
      let (status, error) = examine(file)
      guard error == 0 else { throw .system("examine", file, errno: error) }
      if status.isFolder, examine(file, itself: true).status.isFolder {
        try add("\(prefix)\(name)/", to: &entries)
        continue
      }
      guard status.isRegular, status.st_size <= Self.limit else {
        throw Failure(
          .invalid, "\(file.quoted) is not copied: it is \(status.isRegular ? "larger than 64 MiB" : "not a file")",
          remedy: "leave --copy out, to have the definition called where it is")
      }
      // What only root may read stays so, and what others may write does not.
      entries[prefix + name] = .file(try readFile(file, limit: Self.limit), mode: status.st_mode & 0o755)
    }
  }
}
