// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Interface
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

  /// What of a definition belongs to the administrator.
  private static let configuration: Set = ["guestsmith.toml", "variants"]

  /// For hosts of interface version 5.
  ///
  /// - Parameter variant: becomes a part of the folder's name, `NAME+VARIANT`: interface version 5 has no other way to
  ///   tell a script about it.
  package init(into folder: String, name: String, variant: String?, program: String) throws(Failure) {
    for (word, what) in [(name, "name"), (variant ?? name, "variant")] {
      try DefinitionDraft.checkArgumentName(word, what)
    }
    path = DefinitionDraft.path(of: OSName(name: name, variant: variant).text, in: folder)
    try DefinitionDraft.checkArgumentPath(path)
    self.program = program
    scripts = Script.called(in: InterfaceVersion.byArguments).map(\.rawValue)
    texts = [DefinitionFile.version: "\(InterfaceVersion.byArguments)\n"]
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
    path = try DefinitionDraft.path(of: name, in: folder, version: version)
    self.program = program
    scripts = Script.called(in: version).map(\.rawValue)
    var texts = [
      DefinitionFile.version: InterfaceVersion.all.filter { $0 <= version }.reversed().map { "\($0)\n" }
        .joined()
    ]
    if version >= InterfaceVersion.firstWithVariants {
      texts[DefinitionFile.variants] = variants.map { $0 + "\n" }.joined()
    }
    if version >= InterfaceVersion.firstWithParameters {
      texts[DefinitionFile.parameters] = parameters.map { "\($0.name) \($0.help)\n" }.joined()
    }
    self.texts = texts
  }

  /// The file of the running program, without symbolic links in its path.
  package static func runningProgram() throws(Failure) -> String {
    guard let program = realPath("/proc/self/exe") else { throw .system("find", "the file of this program") }
    return program
  }

  /// Installs it, or makes an older installation of ours whole.
  ///
  /// - Throws: `.invalid` when something at the path is not ours; nothing is changed then.
  package func install() throws(Failure) -> InstallationOutcome {
    var entries = texts.mapValues { DefinitionDraft.Entry.text($0) }
    for script in scripts { entries[script] = .link(to: program) }
    let draft = DefinitionDraft(path: path, entries: entries)
    let missing = try draft.missingFiles(besides: Self.configuration, notOurs: notOurs) { () throws(Failure) in
      for script in scripts where examine("\(path)/\(script)", itself: true).error == 0 {
        let target = linkTarget("\(path)/\(script)")
        guard let target, splitPath(target).name == splitPath(program).name else {
          throw notOurs(
            target.map { "its \(script) is a symbolic link to \($0.escaped)" }
              ?? "its \(script) is not a symbolic link")
        }
      }
      // The lists follow what is configured; another version would be another definition.
      let version = DefinitionFile.version
      if let text = try draft.text(of: version), text != texts[version] {
        throw notOurs("its \(version) holds \(String(text.prefix(80)).quoted)")
      }
    }
    return try draft.install(missing: missing)
  }

  private func notOurs(_ found: String) -> Failure {
    Failure(
      .invalid, "\(path) is not an OS definition of this program: \(found)",
      remedy: "choose another --name or --into, or move what is there out of the way")
  }
}
