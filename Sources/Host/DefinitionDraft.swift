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
    do {
      try write(to: "\(parent)/\(draft)")
      if let missing {
        for file in missing {
          try makeFolders(splitPath("\(path)/\(file)").folder)
          try move("\(parent)/\(draft)/\(file)", to: "\(path)/\(file)")
        }
        try folder.remove(draft)
      } else {
        try move("\(parent)/\(draft)", to: path)
      }
      try folder.flush()
    } catch {
      try? folder.remove(draft)
      throw error
    }
    return missing.map { .completed($0) } ?? .installed
  }

  private func write(to draft: String) throws(Failure) {
    guard mkdir(draft, 0o755) == 0 else { throw .system("make the folder", draft) }
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
    guard chmod(draft, 0o755) == 0 else { throw .system("change the mode of", draft) }
  }

  private func move(_ source: String, to target: String) throws(Failure) {
    guard rename(source, target) == 0 else { throw .system("move \(source) to", target) }
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
