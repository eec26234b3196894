// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Report

/// The files of an OS definition, to be laid down at once: beside their place, then by one rename.
struct DefinitionDraft: Sendable {
  enum Entry: Sendable, Equatable {
    case link(to: String)
    case file([UInt8], mode: UInt32)

    static func text(_ text: String, mode: UInt32 = 0o644) -> Entry { .file(Array(text.utf8), mode: mode) }
  }

  /// The folder of the definition.
  let path: String
  /// By their paths in the folder.
  let entries: [String: Entry]

  /// - Parameter missing: the files that an existing folder lacks, or that differ; nil where there is no folder.
  func install(missing: [String]?) throws(Failure) -> InstallationOutcome {
    if let missing, missing.isEmpty { return .unchanged }
    let (parent, name) = splitPath(path)
    try makeFolders(parent)
    // Hosts pass over what starts with a dot; a kill leaves this at most, and the next installation takes it away.
    let draft = ".\(name).new"
    let folder = try Folder(parent)
    try folder.remove(draft)
    try withStagedFolder(parent, draft, mode: 0o755) { staged throws(Failure) in
      try write(to: staged.path)
      guard let missing else { return try staged.commit(as: name, isNew: true) }
      for file in missing {
        try makeFolders(splitPath("\(path)/\(file)").folder)
        try move("\(staged.path)/\(file)", to: "\(path)/\(file)")
      }
    }
    try folder.flush()
    return missing.map { .completed($0) } ?? .installed
  }

  private func write(to draft: String) throws(Failure) {
    for (name, entry) in entries {
      let path = "\(draft)/\(name)"
      try makeFolders(splitPath(path).folder)
      switch entry {
      case .link(let target):
        guard symlink(target, path) == 0 else { throw .system("make the link", path) }
      case .file(let bytes, let mode):
        let (folder, name) = splitPath(path)
        // Whatever the umask: hosts that are not root read them too.
        try Folder(folder).write(bytes, to: name, mode: mode)
        guard chmod(folder, 0o755) == 0 else { throw .system("change the mode of", folder) }
      }
    }
  }

  private func move(_ source: String, to target: String) throws(Failure) {
    guard rename(source, target) == 0 else { throw .system("move \(source) to", target) }
  }
}

extension DefinitionDraft {
  /// The files that the definition at the path lacks, or that differ; nil where nothing is there.
  ///
  /// - Parameters:
  ///   - others: names that may be there besides.
  ///   - notOurs: the failure of a definition that is not one of ours, with what was found.
  ///   - check: throws for one whose names alone are ours.
  func missingFiles(
    besides others: Set<String> = [], notOurs: (String) -> Failure, _ check: () throws(Failure) -> Void
  ) throws(Failure) -> [String]? {
    let (status, error) = examine(path, itself: true)
    if error == ENOENT { return nil }
    guard error == 0 else { throw .system("examine", path, errno: error) }
    guard status.isFolder else { throw notOurs("it is not a folder") }
    let (names, readError) = allEntries(of: path)
    guard readError == 0 else { throw .system("read the folder", path, errno: readError) }
    let ours = others.union(entries.keys.map { String($0.prefix { $0 != "/" }) })
    if let stranger = names.first(where: { !ours.contains($0) }) { throw notOurs("it has \(stranger.quoted)") }
    try check()
    var missing: [String] = []
    for (name, entry) in entries where try !holds(name, entry) { missing.append(name) }
    return missing.sorted()
  }

  /// The text of a file that the definition has; nil where it is not a regular one.
  func text(of name: String) throws(Failure) -> String? {
    let file = "\(path)/\(name)"
    guard examine(file, itself: true).status.isRegular else { return nil }
    return String(decoding: try readFile(file, limit: 1 << 20), as: UTF8.self)
  }

  private func holds(_ name: String, _ entry: Entry) throws(Failure) -> Bool {
    let file = "\(path)/\(name)"
    let (status, error) = examine(file, itself: true)
    guard error == 0 else { return false }
    switch entry {
    // The links of a Debian package are relative.
    case .link(let target): return linkTarget(file) == target || realPath(file) == target
    case .file(let bytes, let mode):
      guard status.isRegular, status.st_mode & 0o7777 == mode, Int(status.st_size) == bytes.count else { return false }
      return try readFile(file, limit: bytes.count) == bytes
    }
  }
}

/// What became of a definition that was to be laid down.
package enum InstallationOutcome: Sendable, Equatable {
  case installed
  /// It was there already, just so.
  case unchanged
  /// It was there, and these of its files were missing or not as they are now.
  case completed([String])
}

extension DefinitionDraft {
  /// The folder of a definition for hosts of that version.
  ///
  /// - Throws: `.invalid` for a name or a place that these hosts do not take.
  static func path(of name: String, in folder: String, version: Int) throws(Failure) -> String {
    let path = path(of: name, in: folder)
    guard version == 5 else {
      guard isPluginName(name), !name.hasPrefix("-") else {
        throw Failure(
          .invalid, "\(name.quoted) is not the name of an OS definition for Ganeti 2 and later",
          remedy: "use letters, digits, '_' and '-', and not '-' first")
      }
      return path
    }
    try checkArgumentName(name, "name")
    try checkArgumentPath(path)
    return path
  }

  static func path(of name: String, in folder: String) -> String {
    var parent = absolute(folder)
    while parent.count > 1 && parent.hasSuffix("/") { parent.removeLast() }
    return (parent == "/" ? "" : parent) + "/" + name
  }

  static func checkArgumentName(_ word: String, _ what: String) throws(Failure) {
    let isPlain = isShellSafe(word) && !["/", ":", "%", "@", "+"].contains(where: word.contains)
    guard isPlain, !word.hasPrefix("."), !word.hasPrefix("-") else {
      throw Failure(
        .invalid, "\(word.quoted) is not the \(what) of an OS definition",
        remedy: "use letters, digits, '.', '_' and '-', and neither '.' nor '-' first")
    }
  }

  static func checkArgumentPath(_ path: String) throws(Failure) {
    guard isShellSafe(path) else {
      throw Failure(
        .invalid, "Ganeti 1.2.6 cannot run scripts in \(path.quoted)",
        remedy: "choose a folder whose path has letters, digits and . _ + / : % @ - only")
    }
  }
}
