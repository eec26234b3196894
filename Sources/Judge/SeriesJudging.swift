// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import LinuxIO
internal import Report

extension Series {
  /// Why these releases do not accept a definition, in their words.
  struct Fault: Error {
    let words: String
    init(_ words: String) { self.words = words }
  }

  func verdict(on files: DefinitionFiles) -> SeriesVerdict {
    let spoken = versions.filter(files.declared.contains).max()
    do throws(Fault) {
      try isFirst ? judgeAs12(files) : judgeAs2(files)
      return SeriesVerdict(series: name, version: spoken, fault: nil)
    } catch {
      return SeriesVerdict(series: name, version: spoken, fault: error.words.escaped)
    }
  }

  private func judgeAs12(_ files: DefinitionFiles) throws(Fault) {
    let (status, error) = examine(files.path("ganeti_api_version"))
    guard error == 0 else { throw Fault("'ganeti_api_version' file not found (\(errorName(error)))") }
    guard status.isRegular else { throw Fault("'ganeti_api_version' file is not a regular file") }
    let lines = wantsOneVersion ? [files.versionText] : files.versionLines
    var found: [Int] = []
    for line in lines {
      guard let version = integer(line) else { throw Fault("API version is not integer (\(line.trimmed.quoted))") }
      found.append(version)
    }
    guard found.contains(5) else { throw Fault("API version mismatch (found \(list(found)) want 5)") }
    for script in ["create", "export", "import", "rename"] {
      let (status, error) = examine(files.path(script))
      if error != 0 { throw Fault("'\(script)' script missing (\(errorName(error)))") }
      if status.st_mode & S_IXUSR == 0 { throw Fault("'\(script)' script not executable") }
      if !status.isRegular { throw Fault("'\(script)' is not a regular file") }
    }
  }

  private func judgeAs2(_ files: DefinitionFiles) throws(Fault) {
    guard isPluginName(files.name) else { throw Fault("Directory for OS \(files.name) not found in search path") }
    let (status, error) = examine(files.path("ganeti_api_version"))
    guard error == 0 else {
      throw Fault("Required file 'ganeti_api_version' not found under path \(files.folder): \(words(of: error))")
    }
    guard status.isRegular else { throw Fault("File 'ganeti_api_version' in \(files.folder) is not a regular file") }
    var found: [Int] = []
    for line in files.versionLines {
      guard let version = integer(line) else {
        throw Fault(
          "API version(s) can't be converted to integer: invalid literal for int() with base 10: \(line.trimmed.quoted)"
        )
      }
      found.append(version)
    }
    guard !Set(found).isDisjoint(with: versions), let highest = found.max() else {
      throw Fault(
        "API version mismatch for path '\(files.folder)': found [\(list(found))], want [\(list(versions))].")
    }
    try judgeFiles(files, highest)
    if let first = variantsFrom, highest >= first, files.variantLines(withComments: true).isEmpty {
      throw Fault("No supported os variant found")
    }
  }

  private func judgeFiles(_ files: DefinitionFiles, _ highest: Int) throws(Fault) {
    let hasUntrusted = knowsUntrusted && examine(files.path("create_untrusted")).error == 0
    var wanted = [(name: "create", isScript: true, isRequired: !knowsUntrusted)]
    if hasUntrusted { wanted.append(("create_untrusted", true, true)) }
    for script in ["import", "export", "rename"] { wanted.append((script, true, true)) }
    if let first = parametersFrom, highest >= first {
      wanted += [("verify", true, true), ("parameters.list", false, true)]
    }
    if let first = readsVariantsFrom, highest >= first {
      wanted.append(("variants.list", false, variantsFrom != nil))
    }
    for file in wanted {
      let (status, error) = examine(files.path(file.name))
      if error == ENOENT && !file.isRequired { continue }
      if error != 0 {
        throw Fault("File '\(file.name)' under path '\(files.folder)' is missing (\(words(of: error)))")
      }
      if !status.isRegular {
        throw Fault("File '\(file.name)' under path '\(files.folder)' is not a regular file")
      }
      if file.isScript && status.st_mode & S_IXUSR == 0 {
        throw Fault("File '\(file.name)' under path '\(files.folder)' is not executable")
      }
    }
    if knowsUntrusted && !hasUntrusted && examine(files.path("create")).error != 0 {
      throw Fault("A create script (trusted or untrusted) under path '\(files.folder)' must exist")
    }
  }
}

private func list(_ versions: [Int]) -> String {
  versions.map { String($0) }.joined(separator: ", ")
}

/// As int() of Python takes it.
func integer(_ line: String) -> Int? { Int(line.trimmed) }

private func words(of error: Int32) -> String { String(cString: strerror(error)) }
