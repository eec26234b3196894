// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Report

extension Series {
  /// Why these releases do not accept a definition, in their words.
  struct Fault: Error {
    let words: String
    init(_ words: String) { self.words = words }
  }

  package func verdict(on files: DefinitionFiles) -> SeriesVerdict {
    let spoken = versions.filter(files.declared.contains).max()
    do throws(Fault) {
      if masksNames, !isPluginName(files.name) || !examine(files.folder).status.isFolder {
        throw Fault(
          speaksOneVersion
            ? "OS dir not found in search path" : "Directory for OS \(files.name) not found in search path")
      }
      try speaksOneVersion ? judgeAs12(files, versions[0]) : judgeAs2(files)
      return SeriesVerdict(series: name, version: spoken, fault: nil)
    } catch {
      return SeriesVerdict(series: name, version: spoken, fault: error.words.escaped)
    }
  }

  private func judgeAs12(_ files: DefinitionFiles, _ wanted: Int) throws(Fault) {
    try Self.checkVersionFile(files)
    var found: [String] = []
    for line in wantsOneVersion ? [Array(files.version.prefix(256))] : files.version.lines {
      let text = python.strip(line)
      guard let version = python.integer(text) else {
        throw Fault("API version is not integer (\(python.refusal(ofInteger: text)))")
      }
      found.append(version)
    }
    guard found.contains("\(wanted)") else {
      throw Fault("API version mismatch (found \(wantsOneVersion ? found[0] : python.list(found)) want \(wanted))")
    }
    try judgeFiles(files, files.highest)
  }

  /// Whether the version can be read, in the words of 1.2.
  static func checkVersionFile(_ files: DefinitionFiles) throws(Fault) {
    let name = DefinitionFile.version
    let (status, error) = examine(files.path(name))
    guard error == 0 else { throw Fault("'\(name)' file not found (\(errorName(error)))") }
    guard status.isRegular else { throw Fault("'\(name)' file is not a regular file") }
    let unread = readingError(of: files.path(name))
    guard unread == 0 else { throw Fault("error while reading the API version (\(errorName(unread)))") }
  }

  private func judgeAs2(_ files: DefinitionFiles) throws(Fault) {
    let file = files.path(DefinitionFile.version)
    let (status, error) = examine(file)
    guard error == 0 else {
      throw Fault("Required file 'ganeti_api_version' not found under path \(files.folder): \(errorName(error))")
    }
    guard status.isRegular else { throw Fault("File 'ganeti_api_version' in \(files.folder) is not a regular file") }
    let unread = readingError(of: file)
    guard unread == 0 else { throw Fault("Error while reading the API version file at \(file): \(errorName(unread))") }
    var found: [String] = []
    for line in python.lines(of: files.version) {
      let text = python.strip(line)
      guard let version = python.integer(text) else {
        throw Fault("API version(s) can't be converted to integer: \(python.refusal(ofInteger: text))")
      }
      found.append(version)
    }
    guard !versions.allSatisfy({ !found.contains("\($0)") }) else {
      throw Fault(
        "API version mismatch for path '\(files.folder)': found \(python.list(found)), want "
          + "\(python.frozenset(versions)).")
    }
    try judgeFiles(files, found.contains { Int($0) == nil && !$0.hasPrefix("-") } ? .max : files.highest)
  }

  /// Judges the scripts and the lists.
  ///
  /// - Parameter highest: of the versions that the definition declares.
  func judgeFiles(_ files: DefinitionFiles, _ highest: Int) throws(Fault) {
    try speaksOneVersion ? judgeScripts(files) : judgeScriptsAndLists(files, highest)
  }

  private func judgeScripts(_ files: DefinitionFiles) throws(Fault) {
    for script in [Script.rename, .import, .create, .export].map(\.rawValue) {
      let (status, error) = examine(files.path(script))
      if error != 0 { throw Fault("'\(script)' script missing (\(errorName(error)))") }
      if status.st_mode & S_IXUSR == 0 { throw Fault("'\(script)' script not executable") }
      if !status.isRegular { throw Fault("'\(script)' is not a regular file") }
    }
  }

  private func judgeScriptsAndLists(_ files: DefinitionFiles, _ highest: Int) throws(Fault) {
    let scripts = Script.allCases.map(\.rawValue) + [DefinitionFile.untrustedCreate]
    let found = order(highest).filter { file in
      let isOptional =
        file.hasPrefix("create") && knowsUntrusted || file == DefinitionFile.variants && variantsFrom == nil
      return !(isOptional && examine(files.path(file)).error == ENOENT)
    }
    for file in found {
      let (status, error) = examine(files.path(file))
      if error != 0 {
        throw Fault("File '\(file)' under path '\(files.folder)' is missing (\(errorName(error)))")
      }
      if !status.isRegular { throw Fault("File '\(file)' under path '\(files.folder)' is not a regular file") }
      if scripts.contains(file) && status.st_mode & S_IXUSR == 0 {
        throw Fault("File '\(file)' under path '\(files.folder)' is not executable")
      }
    }
    if !found.contains(where: { $0.hasPrefix("create") }) {
      throw Fault("A create script (trusted or untrusted) under path '\(files.folder)' must exist")
    }
    for (file, what) in [
      (DefinitionFile.variants, "variants"), (DefinitionFile.parameters, "parameters"),
    ] where found.contains(file) {
      let error = readingError(of: files.path(file))
      if error != 0 {
        throw Fault("Error while reading the OS \(what) file at \(files.path(file)): \(errorName(error))")
      }
      if file == DefinitionFile.variants, variantsFrom != nil, files.variantLines(withComments: true).isEmpty {
        throw Fault("No supported os variant found")
      }
    }
  }

  /// The files that are looked at, in the order that decides which fault is reported: in Python 2 that of the hashes of the
  /// names and the size of the table.
  private func order(_ highest: Int) -> [String] {
    let isLarge = knowsUntrusted || parametersFrom != nil && highest >= 15
    let order =
      switch (python, isLarge) {
      case (.three, _):
        [
          "create", "create_untrusted", "export", "import", "rename", "verify", "variants.list", "parameters.list",
        ]
      case (.two, true):
        [
          "rename", "create_untrusted", "verify", "create", "variants.list", "parameters.list", "export", "import",
        ]
      case (.two, false): ["rename", "import", "create", "export", "variants.list"]
      }
    return order.filter { file in
      switch file {
      case "create_untrusted": knowsUntrusted
      case "verify", "parameters.list": parametersFrom.map { highest >= $0 } == true
      case "variants.list": readsVariantsFrom.map { highest >= $0 } == true
      default: true
      }
    }
  }
}

/// Why a file cannot be read by this process; 0 where it can.
private func readingError(of path: String) -> Int32 { access(path, R_OK) == 0 ? 0 : errno }

extension [UInt8] {
  /// As readlines() has them.
  fileprivate var lines: [[UInt8]] {
    var lines = split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }
}
