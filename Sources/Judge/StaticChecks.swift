// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report

/// What is found by looking at the files of a definition; nothing of it is run.
struct StaticChecks {
  let files: DefinitionFiles
  let series: [SeriesVerdict]

  init(_ files: DefinitionFiles) {
    self.files = files
    series = Series.all.map { $0.verdict(on: files) }
  }

  var findings: [Finding] {
    [
      judge(.folder, folderFaults), judge(.name, nameFaults), judge(.versionFile, versionFaults),
      judge(.scripts, scriptFaults), judge(.interpreters, interpreterFaults), judge(.permissions, permissionFaults),
      variants, parameters, seriesFinding,
    ]
  }

  private func judge(_ check: Check, _ faults: [String]) -> Finding {
    guard let first = faults.first else { return Finding(check, .pass) }
    return Finding(check, .fail(first), evidence: faults)
  }

  // MARK: Folder and name

  private var folderFaults: [String] {
    let (status, error) = examine(files.folder)
    guard error == 0 else { return ["\(files.folder.escaped): \(String(cString: strerror(error)))"] }
    guard status.isFolder else { return ["\(files.folder.escaped) is not a folder"] }
    return access(files.folder, R_OK | X_OK) == 0
      ? files.unreadable.values.sorted() : ["\(files.folder.escaped) cannot be read"]
  }

  private var nameFaults: [String] {
    let name = files.name
    if name.hasPrefix(".") { return ["\(name.quoted) starts with a dot: hosts ignore it"] }
    guard files.highest >= 10 || files.declared.isEmpty else {
      if !isShellSafe(name) { return ["\(name.quoted) has characters that Ganeti 1.2.6 refuses in a command"] }
      return isPluginName(name)
        ? []
        : [
          "\(name.quoted) can be called by Ganeti 1.2.8 and earlier: later ones accept letters, digits, '_' and '-' only"
        ]
    }
    if !isPluginName(name) {
      let plus = name.contains("+") ? "; what is behind a '+' is a variant for Ganeti" : ""
      return ["\(name.quoted) has characters other than letters, digits, '_' and '-'\(plus)"]
    }
    return name.hasPrefix("-") ? ["\(name.quoted) starts with '-', as an option does"] : []
  }

  // MARK: The version

  private var versionFaults: [String] {
    let (status, error) = examine(files.path(DefinitionFile.version))
    guard error == 0 else { return ["there is no ganeti_api_version (\(errorName(error)))"] }
    guard status.isRegular else { return ["ganeti_api_version is not a regular file"] }
    var faults: [String] = []
    for (index, line) in files.versionLines.enumerated() where integer(line) == nil {
      faults.append("line \(index + 1) of ganeti_api_version is \(line.quoted), not a number")
    }
    if files.version.isEmpty { faults.append("ganeti_api_version is empty") }
    let declared = files.declared
    if faults.isEmpty && declared.allSatisfy({ !InterfaceVersion.all.contains($0) }) {
      let list = declared.map { String($0) }.joined(separator: ", ")
      faults.append("ganeti_api_version declares \(list), which no Ganeti speaks: use 5, 10, 15 or 20")
    }
    for version in Set(declared) where declared.count(where: { $0 == version }) > 1 {
      faults.append("ganeti_api_version declares \(version) twice")
    }
    return faults
  }

  // MARK: The scripts

  /// The scripts that the declared versions want.
  private var wanted: [String] {
    var scripts = Script.called(in: files.highest).map(\.rawValue)
    guard examine(files.path(DefinitionFile.untrustedCreate), itself: true).error == 0 else { return scripts }
    if examine(files.path(Script.create.rawValue), itself: true).error != 0 {
      scripts.removeAll { $0 == Script.create.rawValue }
    }
    return [DefinitionFile.untrustedCreate] + scripts
  }

  private var scriptFaults: [String] {
    wanted.compactMap { script in
      let (status, error) = examine(files.path(script))
      if error != 0 { return "\(script): \(String(cString: strerror(error)))" }
      if !status.isRegular { return "\(script) is not a regular file" }
      return status.st_mode & S_IXUSR == 0 ? "\(script) is not executable by its owner" : nil
    }
  }

  private var interpreterFaults: [String] {
    wanted.compactMap { script in
      guard examine(files.path(script)).status.isRegular,
        let start = try? readDefinitionFile(script, of: files.folder, limit: 256)
      else { return nil }
      if start.starts(with: [0x7F, 0x45, 0x4C, 0x46]) { return nil }
      guard start.starts(with: [0x23, 0x21]) else {
        return "\(script) is not a program, and its first line names no interpreter (#!)"
      }
      let line = String(decoding: start.dropFirst(2).prefix { $0 != 0x0A }, as: UTF8.self)
      let words = line.split(whereSeparator: \.isWhitespace).map { String($0) }
      guard let interpreter = words.first else { return "the first line of \(script) names no interpreter" }
      if line.hasSuffix("\r") { return "the first line of \(script) ends in a carriage return" }
      if access(interpreter, X_OK) != 0 {
        return "\(script) needs the interpreter \(interpreter.quoted), which is missing"
      }
      // What env(1) looks up depends on PATH.
      guard interpreter.hasSuffix("/env"), let program = words.dropFirst().first(where: { !$0.hasPrefix("-") })
      else { return nil }
      let folders = ["/sbin", "/bin", "/usr/sbin", "/usr/bin"]
      let isThere = folders.contains { access("\($0)/\(program)", X_OK) == 0 }
      return isThere ? nil : "\(script) needs \(program.quoted), which is not in \(folders.joined(separator: ":"))"
    }
  }

  // MARK: Permissions

  private var permissionFaults: [String] {
    var faults: [String] = []
    var seen: Set<String> = []
    // A link is as safe as what it leads to, and the folders on the way.
    for file in [""] + allEntries(of: files.folder).names {
      let path = file.isEmpty ? files.folder : files.path(file)
      guard var place = realPath(path) else { continue }
      var isFirst = true
      while seen.insert(place).inserted {
        if let fault = writers(of: place, isParent: !isFirst) { faults.append(fault) }
        if place == "/" { break }
        place = splitPath(place).folder
        isFirst = false
      }
    }
    return faults
  }

  /// Who besides root can write to it.
  private func writers(of path: String, isParent: Bool) -> String? {
    let (status, error) = examine(path)
    guard error == 0 else { return nil }
    let mode = String(status.st_mode & 0o7777, radix: 8)
    // In a folder with the sticky bit users can only remove what is theirs.
    if isParent && status.st_mode & S_ISVTX != 0 { return nil }
    if status.st_mode & S_IWOTH != 0 { return "everyone can write to \(path.escaped) (mode \(mode))" }
    if status.st_mode & S_IWGRP != 0 && status.st_gid != 0 {
      return "group \(status.st_gid) can write to \(path.escaped) (mode \(mode))"
    }
    return status.st_uid == 0 || status.st_uid == geteuid()
      ? nil : "\(path.escaped) belongs to user \(status.st_uid), not to root"
  }

  // MARK: Lists

  private var variants: Finding {
    guard files.highest >= InterfaceVersion.firstWithVariants else {
      return Finding(.variants, .notApplicable("versions below 15 have no variants"))
    }
    guard files.hasVariantList else {
      return Finding(.variants, .notApplicable("it has no variants.list"))
    }
    var faults: [String] = []
    var seen: Set<String> = []
    for (index, line) in files.variantLines(withComments: true).enumerated() {
      let start = "line \(index + 1) of variants.list"
      if line.isEmpty || line.hasPrefix("#") {
        faults.append("\(start) is \(line.isEmpty ? "blank" : "a comment"): Ganeti before 2.7 takes it for a variant")
      } else if !line.unicodeScalars.allSatisfy({ isPluginName(String($0)) || $0 == "." }) {
        faults.append("\(start) is \(line.quoted), which is not a name")
      } else if !seen.insert(line).inserted {
        faults.append("\(start) repeats \(line.quoted)")
      }
    }
    return judge(.variants, faults)
  }

  private var parameters: Finding {
    guard files.highest >= InterfaceVersion.firstWithParameters else {
      return Finding(.parameters, .notApplicable("versions below 20 have no parameters"))
    }
    var faults: [String] = []
    var seen: Set<String> = []
    for (index, line) in files.parameterLines.enumerated() {
      let start = "line \(index + 1) of parameters.list"
      guard let name = OSDefinition.Parameter(line)?.name else {
        faults.append("\(start) is \(line.quoted), not a name and a help text")
        continue
      }
      if name.hasPrefix("#") { faults.append("\(start) is a comment, which hosts take for a parameter") }
      if !isPluginName(name) && !name.hasPrefix("#") {
        faults.append("\(start) names \(name.quoted), which is not a name")
      }
      // In the environment there are no lower case letters and no hyphens.
      if !seen.insert(Environment.variable(ofParameter: name)).inserted {
        faults.append("\(start) repeats the parameter \(name.quoted)")
      }
    }
    return judge(.parameters, faults)
  }

  // MARK: Series

  private var seriesFinding: Finding {
    let rows = series.map { row in
      "Ganeti \(row.series): \(row.fault ?? "accepted, called in version \(row.version.map { String($0) } ?? "?")")"
    }
    // With 5 and later ones in one file it is made for 2.x; that 1.2.6 takes one number only is not a fault of it.
    let isFor2 = files.declared.contains { $0 > InterfaceVersion.byArguments }
    let wanted = zip(Series.all, series).filter { entry in
      !Set(entry.0.versions).isDisjoint(with: files.declared) && !(isFor2 && entry.0.wantsOneVersion)
    }
    guard !wanted.isEmpty else {
      return Finding(.series, .fail("no Ganeti speaks the versions that it declares"), evidence: rows)
    }
    guard let bad = wanted.first(where: { $0.1.fault != nil }) else {
      return Finding(.series, .pass, evidence: rows)
    }
    return Finding(.series, .fail("Ganeti \(bad.1.series) says: \(bad.1.fault ?? "")"), evidence: rows)
  }
}
