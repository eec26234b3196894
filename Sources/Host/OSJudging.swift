// SPDX-License-Identifier: Apache-2.0
internal import Interface
internal import LinuxIO
internal import Report

// How a definition is judged for this host, which speaks all versions: its files by the rules and in the words of Ganeti
// 1.2.6 where it declares version 5 alone, of 3.0 otherwise. What 3.0 calls valid although its own commands crash on it
// (a line of parameters.list without a help text) is not.

extension OSDefinition {
  /// Judges what is at `path`, which is absolute.
  package init(judging path: String) {
    let (folder, name) = splitPath(path)
    self.init(judging: name, in: folder == "/" ? "" : folder)
  }

  /// Judges what is at `folder/name`; whatever is found there, this call does not fail.
  package init(judging name: String, in folder: String) {
    self.init(name: name, path: "\(folder)/\(name)")
    let files = DefinitionFiles(path)
    do throws(Series.Fault) {
      versions = try Self.declaredVersions(files)
      guard versions.contains(where: InterfaceVersion.all.contains) else {
        let (found, known) = (Self.list(versions), Self.list(InterfaceVersion.all))
        throw Series.Fault(
          isForGaneti2
            ? "API version mismatch for path '\(path)': found [\(found)], want [\(known)]."
            : "API version mismatch (found \(found) want \(known))")
      }
      let series = isForGaneti2 ? Series.ganeti3 : .ganeti126
      try checkName(series)
      try series.judgeFiles(files, versions.max() ?? 0)
      judgement = .valid(isForGaneti2 ? try contents(files) : Contents())
    } catch {
      judgement = .invalid(error.words.escaped)
    }
  }

  private static func declaredVersions(_ files: DefinitionFiles) throws(Series.Fault) -> [Int] {
    try Series.checkVersionFile(files)
    if let reason = files.unreadable[DefinitionFile.version] {
      throw Series.Fault("error while reading the API version (\(reason))")
    }
    let lines = Python.two.lines(of: files.version)
    var versions: [Int] = []
    for line in lines.isEmpty ? [[]] : lines {
      guard let version = Python.two.integer(line).flatMap({ Int($0) }) else {
        let words = Python.two.refusal(ofInteger: Python.two.strip(line))
        throw Series.Fault("API version is not integer (\(words))")
      }
      versions.append(version)
    }
    return versions
  }

  private func checkName(_ series: Series) throws(Series.Fault) {
    if series.masksNames {
      guard !isPluginName(name) else { return }
      throw Series.Fault(
        "Directory for OS \(name) not found in search path (a name has letters, digits, '_' and '-' only"
          + (name.contains("+") ? "; what is behind a '+' is a variant)" : ")"))
    }
    guard isShellSafe(name) else {
      throw Series.Fault("its name has characters that Ganeti 1.2.6 refuses in the arguments of a command")
    }
  }

  private func contents(_ files: DefinitionFiles) throws(Series.Fault) -> Contents {
    for (name, what) in [(DefinitionFile.variants, "variants"), (DefinitionFile.parameters, "parameters")] {
      guard let reason = files.unreadable[name] else { continue }
      throw Series.Fault("Error while reading the OS \(what) file at \(path)/\(name): \(reason)")
    }
    var contents = Contents()
    let highest = versions.max() ?? 0
    contents.isTrusted = examine(files.path(DefinitionFile.untrustedCreate)).error != 0
    contents.lacksCreate = !contents.isTrusted && examine(files.path(Script.create.rawValue)).error != 0
    if highest >= InterfaceVersion.firstWithVariants { contents.variants = files.variantLines(withComments: false) }
    guard highest >= InterfaceVersion.firstWithParameters else { return contents }
    for (index, line) in files.parameterLines.enumerated() {
      guard let parameter = Parameter(line) else {
        throw Series.Fault(
          "Line \(index + 1) of the OS parameters file at \(path)/\(DefinitionFile.parameters) is not a name and a help text"
        )
      }
      contents.parameters.append(parameter)
    }
    return contents
  }

  private static func list(_ versions: [Int]) -> String {
    versions.map { String($0) }.joined(separator: ", ")
  }
}

extension OSDefinition.Parameter {
  /// A line of `parameters.list`; nil where it does not have a name and a help text.
  package init?(_ line: String) {
    let words = line.trimmed.split(maxSplits: 1, whereSeparator: \.isWhitespace)
    guard words.count == 2 else { return nil }
    self.init(name: String(words[0]), help: String(words[1]).trimmed)
  }
}
