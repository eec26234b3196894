// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// Lays down the OS definition of this program.
///
/// On disk: the scripts, symbolic links to the program, which knows by the name it is called by what to do;
/// `ganeti_api_version`; and, for hosts of version 15 and later, lists of what can be asked for. For hosts of version 5
/// the first of these files holds `5` and a newline: Ganeti 1.2.6 accepts nothing else in it.
package struct OSInstallation: Sendable {
  /// The folder of the definition.
  package let path: String
  /// What the links point to: an absolute path.
  package let program: String
  private let scripts: [String]
  /// Contents by name.
  private let texts: [String: String]

  package enum Outcome: Sendable, Equatable {
    case installed
    /// It was there already, just so.
    case unchanged
    /// It was there, and these of its files were missing or not as they are now.
    case completed([String])
  }

  private static let versionFile = "ganeti_api_version"
  /// What of a definition belongs to the administrator.
  private static let configuration = ["guestsmith.toml", "variants"]

  /// For hosts of interface version 5.
  ///
  /// - Parameter variant: becomes a part of the folder's name, `NAME+VARIANT`: interface version 5 has no other way to
  ///   tell a script about it.
  package init(into folder: String, name: String, variant: String?, program: String) throws(Failure) {
    for (word, what) in [(name, "name"), (variant ?? name, "variant")] {
      let isPlain = isShellSafe(word) && !["/", ":", "%", "@", "+"].contains(where: word.contains)
      guard isPlain, !word.hasPrefix("."), !word.hasPrefix("-") else {
        throw Failure(
          .invalid, "\(word.quoted) is not the \(what) of an OS definition",
          remedy: "use letters, digits, '.', '_' and '-', and neither '.' nor '-' first")
      }
    }
    path = Self.path(of: name + (variant.map { "+\($0)" } ?? ""), in: folder)
    guard isShellSafe(path) else {
      throw Failure(
        .invalid, "Ganeti 1.2.6 cannot run scripts in \(path.quoted)",
        remedy: "choose a folder whose path has letters, digits and . _ + / : % @ - only")
    }
    self.program = program
    scripts = Script.all.map(\.rawValue)
    texts = [Self.versionFile: "5\n"]
  }

  /// For hosts of Ganeti 2 and 3.
  ///
  /// - Parameters:
  ///   - version: the highest version of the interface to declare, 10, 15 or 20; the lower ones are declared with it.
  ///   - variants: what `variants.list` offers; hosts before Ganeti 2.5 want one at least.
  ///   - parameters: what `parameters.list` offers, each with a help text of one line.
  package init(
    into folder: String, name: String, program: String, version: Int, variants: [String],
    parameters: [(name: String, help: String)]
  ) throws(Failure) {
    guard isPluginName(name), !name.hasPrefix("-") else {
      throw Failure(
        .invalid, "\(name.quoted) is not the name of an OS definition for Ganeti 2 and later",
        remedy: "use letters, digits, '_' and '-', and not '-' first")
    }
    path = Self.path(of: name, in: folder)
    self.program = program
    scripts = Script.all.map(\.rawValue) + (version >= 20 ? ["verify"] : [])
    var texts = [Self.versionFile: knownVersions.filter { $0 <= version }.reversed().map { "\($0)\n" }.joined()]
    if version >= 15 { texts["variants.list"] = variants.map { $0 + "\n" }.joined() }
    if version >= 20 { texts["parameters.list"] = parameters.map { "\($0.name) \($0.help)\n" }.joined() }
    self.texts = texts
  }

  private static func path(of name: String, in folder: String) -> String {
    var parent = absolute(folder)
    while parent.count > 1 && parent.hasSuffix("/") { parent.removeLast() }
    return (parent == "/" ? "" : parent) + "/" + name
  }

  /// The file of the running program, without symbolic links in its path.
  package static func runningProgram() throws(Failure) -> String {
    guard let program = resolved("/proc/self/exe") else { throw .system("find", "the file of this program") }
    return program
  }

  /// Installs it, or makes an older installation of ours whole.
  ///
  /// - Throws: `.invalid` when something at the path is not ours; nothing is changed then.
  package func install() throws(Failure) -> Outcome {
    let missing = try missingFiles()
    if let missing, missing.isEmpty { return .unchanged }
    let (parent, name) = split(path)
    try makeFolders(parent)
    // Hosts pass over what starts with a dot; a kill leaves this at most, and the next installation takes it away.
    let draft = "\(parent)/.\(name).new"
    discard(draft)
    do {
      try write(to: draft)
      if let missing {
        for file in missing { try move("\(draft)/\(file)", to: "\(path)/\(file)") }
        discard(draft)
        return .completed(missing)
      }
      try move(draft, to: path)
      return .installed
    } catch {
      discard(draft)
      throw error
    }
  }

  /// What an installation that is there lacks, or nil when there is none.
  private func missingFiles() throws(Failure) -> [String]? {
    let (status, error) = examine(path, itself: true)
    if error == ENOENT { return nil }
    guard error == 0 else { throw .system("examine", path, errno: error) }
    guard status.isFolder else { throw notOurs("it is no folder") }
    let (found, readError) = allEntries(of: path)
    guard readError == 0 else { throw .system("read the folder", path, errno: readError) }
    var missing = Set(scripts + texts.keys)
    for file in found where !Self.configuration.contains(file) {
      guard missing.contains(file) else { throw notOurs("it has \(file.quoted)") }
      if let wanted = texts[file] {
        let text = String(decoding: try readSmallFile("\(path)/\(file)", limit: 1 << 16), as: UTF8.self)
        // The lists follow what is configured; another version would be another definition.
        guard text == wanted || file != Self.versionFile else {
          throw notOurs("its \(file) holds \(String(text.prefix(80)).quoted)")
        }
        if text == wanted { missing.remove(file) }
      } else {
        let target = linkTarget("\(path)/\(file)")
        guard let target, split(target).1 == split(program).1 else {
          throw notOurs(
            target.map { "its \(file) is a symbolic link to \($0.escaped)" } ?? "its \(file) is no symbolic link")
        }
        // The links of a Debian package are relative.
        if target == program || resolved("\(path)/\(file)") == program { missing.remove(file) }
      }
    }
    return missing.sorted()
  }

  private func notOurs(_ found: String) -> Failure {
    Failure(
      .invalid, "\(path) is not an OS definition of this program: \(found)",
      remedy: "choose another --name or --into, or move what is there out of the way")
  }

  private func write(to draft: String) throws(Failure) {
    guard mkdir(draft, 0o755) == 0 else { throw .system("make the folder", draft) }
    for script in scripts where symlink(program, "\(draft)/\(script)") != 0 {
      throw .system("make the link", "\(draft)/\(script)")
    }
    for (name, text) in texts {
      let file = try Descriptor("\(draft)/\(name)", O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
      try file.writeAll(Array(text.utf8))
      try file.flush()
      // Whatever the umask: hosts that are not root read them too.
      guard fchmod(file.raw, 0o644) == 0 else { throw .system("change the mode of", file.name) }
      try file.close()
    }
    guard chmod(draft, 0o755) == 0 else { throw .system("change the mode of", draft) }
  }

  private func move(_ source: String, to target: String) throws(Failure) {
    guard rename(source, target) == 0 else { throw .system("move \(source) to", target) }
  }

  /// Removes a draft: it has only files of ours.
  private func discard(_ draft: String) {
    for file in scripts + texts.keys { unlink("\(draft)/\(file)") }
    rmdir(draft)
  }
}

/// The folder and the name of a path.
func split(_ path: String) -> (folder: String, name: String) {
  guard let slash = path.lastIndex(of: "/") else { return (".", path) }
  return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
}

/// A path without symbolic links in it; nil, and errno, for what is not there.
private func resolved(_ path: String) -> String? {
  guard let resolved = realpath(path, nil) else { return nil }
  defer { free(resolved) }
  return String(cString: resolved)
}

/// Where a symbolic link points to; nil for what is none.
private func linkTarget(_ path: String) -> String? {
  var target = [CChar](repeating: 0, count: Int(PATH_MAX))
  let count = readlink(path, &target, target.count)
  return count < 0 ? nil : String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
