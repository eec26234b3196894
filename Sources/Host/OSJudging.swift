// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Report

// How a definition is judged: version 5 by the rules and in the words of Ganeti 1.2.6, later ones by those of 3.0.
// What 3.0 calls valid although its own commands crash on it (a line of parameters.list without a help text) is not.

extension OSDefinition {
  /// Judges what is at `path`, which is absolute.
  package init(judging path: String) {
    let (folder, name) = splitPath(path)
    self.init(judging: name, in: folder == "/" ? "" : folder)
  }

  /// Judges what is at `folder/name`; nothing that is found there is an error of this call.
  package init(judging name: String, in folder: String) {
    self.init(name: name, path: "\(folder)/\(name)")
    do throws(Fault) {
      versions = try declaredVersions()
      if versions.allSatisfy({ !InterfaceVersion.all.contains($0) }) {
        throw Fault(
          "API version mismatch (found \(list(versions)) want \(list(InterfaceVersion.all)))",
          "API version mismatch for path '\(path)': found [\(list(versions))], want [\(list(InterfaceVersion.all))].")
      }
      judgement = .valid(isForGaneti2 ? try judgedFor3() : try judgedFor126())
    } catch {
      judgement = .invalid((isForGaneti2 ? error.newWords : error.oldWords).escaped)
    }
  }

  /// Why a definition is not valid, in the words of both hosts.
  private struct Fault: Error {
    let oldWords: String
    let newWords: String

    init(_ oldWords: String, _ newWords: String) {
      self.oldWords = oldWords
      self.newWords = newWords
    }

    init(_ words: String) {
      self.init(words, words)
    }
  }

  private func declaredVersions() throws(Fault) -> [Int] {
    let file = "\(path)/ganeti_api_version"
    let (status, error) = examine(file)
    guard error == 0 else { throw Fault("'ganeti_api_version' file not found (\(errorName(error)))") }
    guard status.isRegular else { throw Fault("'ganeti_api_version' file is not a regular file") }
    let text: [UInt8]
    do {
      text = try readDefinitionFile("ganeti_api_version", of: path, limit: 4096)
    } catch {
      throw Fault("error while reading the API version (\(error.message))")
    }
    let lines = Python.two.lines(of: text)
    var versions: [Int] = []
    for line in lines.isEmpty ? [[]] : lines {
      guard let version = Python.two.integer(line).flatMap({ Int($0) }) else {
        let words = Python.two.refusal(ofInteger: Python.two.strip(line))
        throw Fault("API version is not integer (\(words))")
      }
      versions.append(version)
    }
    return versions
  }

  private func judgedFor126() throws(Fault) -> Contents {
    guard isShellSafe(name) else {
      throw Fault("its name has characters that Ganeti 1.2.6 refuses in the arguments of a command")
    }
    for script in ["rename", "import", "create", "export"] {
      let (status, error) = examine("\(path)/\(script)")
      if error != 0 { throw Fault("'\(script)' script missing (\(errorName(error)))") }
      if status.st_mode & S_IXUSR == 0 { throw Fault("'\(script)' script not executable") }
      if !status.isRegular { throw Fault("'\(script)' is not a regular file") }
    }
    return Contents()
  }

  private func judgedFor3() throws(Fault) -> Contents {
    guard isPluginName(name) else {
      throw Fault(
        "Directory for OS \(name) not found in search path (a name has letters, digits, '_' and '-' only"
          + (name.contains("+") ? "; what is behind a '+' is a variant)" : ")"))
    }
    var contents = Contents()
    let highest = versions.max() ?? 0
    let isCreated = try hasFile("create", isScript: true, isRequired: false)
    let isCreatedUntrusted = try hasFile("create_untrusted", isScript: true, isRequired: false)
    for script in ["export", "import", "rename"] + (highest >= 20 ? ["verify"] : []) {
      _ = try hasFile(script, isScript: true, isRequired: true)
    }
    if !isCreated && !isCreatedUntrusted {
      throw Fault("A create script (trusted or untrusted) under path '\(path)' must exist")
    }
    contents.isTrusted = !isCreatedUntrusted
    if highest >= 15, try hasFile("variants.list", isScript: false, isRequired: false) {
      contents.variants = try lines(of: "variants.list", "variants").map(\.trimmed)
        .filter { !$0.isEmpty && !$0.hasPrefix("#") }
    }
    if highest >= 20 {
      _ = try hasFile("parameters.list", isScript: false, isRequired: true)
      contents.parameters = try parameters()
    }
    return contents
  }

  private func parameters() throws(Fault) -> [Parameter] {
    var parameters: [Parameter] = []
    for (index, line) in try lines(of: "parameters.list", "parameters").enumerated() {
      let words = line.trimmed.split(maxSplits: 1, whereSeparator: \.isWhitespace)
      guard words.count == 2 else {
        throw Fault(
          "Line \(index + 1) of the OS parameters file at \(path)/parameters.list is not a name and a help text")
      }
      parameters.append(Parameter(name: String(words[0]), help: String(words[1]).trimmed))
    }
    return parameters
  }

  /// Whether it has `file`, which must then be what it should be.
  private func hasFile(_ file: String, isScript: Bool, isRequired: Bool) throws(Fault) -> Bool {
    let (status, error) = examine("\(path)/\(file)")
    if error == ENOENT && !isRequired { return false }
    if error != 0 { throw Fault("File '\(file)' under path '\(path)' is missing (\(errorName(error)))") }
    if !status.isRegular { throw Fault("File '\(file)' under path '\(path)' is not a regular file") }
    if isScript && status.st_mode & S_IXUSR == 0 {
      throw Fault("File '\(file)' under path '\(path)' is not executable")
    }
    return true
  }

  private func lines(of file: String, _ what: String) throws(Fault) -> [String] {
    do {
      return linesOf(try readDefinitionFile(file, of: path, limit: 1 << 20))
    } catch {
      throw Fault("Error while reading the OS \(what) file at \(path)/\(file): \(error.message)")
    }
  }
}

private func list(_ versions: [Int]) -> String {
  versions.map { String($0) }.joined(separator: ", ")
}

/// The lines of a text, however they end; what is not UTF-8 is replaced.
private func linesOf(_ bytes: [UInt8]) -> [String] {
  let text = String(decoding: bytes, as: UTF8.self)
  var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { String($0) }
  if lines.last == "" { lines.removeLast() }
  return lines
}

extension String {
  fileprivate var trimmed: String {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
