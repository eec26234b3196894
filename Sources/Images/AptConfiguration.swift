// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// How apt on this machine is configured: apt.conf(5), the files beside it and `APT_CONFIG`, as apt-config(8) reads them.
package struct AptConfiguration: Equatable, Sendable {
  struct Setting: Equatable, Sendable {
    var name: String
    var value: String

    /// As apt.conf(5) has it.
    var line: String { "\(name) \"\(value)\";\n" }

    /// Whether it is `group` or something in it, such as `Acquire::http`.
    func belongs(to group: String) -> Bool {
      let (name, group) = (name.lowercased(), group.lowercased())
      return name == group || name.hasPrefix(group + "::")
    }
  }

  let settings: [Setting]
  /// What apt's programs have to be called with, so that they read the same.
  let environment: [String: String]

  init(settings: [Setting], environment: [String: String] = [:]) {
    self.settings = settings
    self.environment = environment
  }

  /// - Parameter variables: the environment, of which `APT_CONFIG` counts.
  /// - Throws: `.tool` where apt is missing, `.invalid` where it cannot read its configuration.
  package static func ofThisMachine(_ variables: [String: String] = ownEnvironment()) throws(Failure) -> Self {
    var environment = ["PATH": Bootstrap.searchPath, "LC_ALL": "C.UTF-8"]
    environment["APT_CONFIG"] = variables["APT_CONFIG"]
    var command = Command("apt-config", ["dump"])
    command.environment = environment
    let (status, output) = try command.capture(limit: 1 << 20)
    let text = String(decoding: output, as: UTF8.self)
    guard status.isSuccess else {
      throw Failure(
        .invalid, "apt cannot read its configuration: \(text.escaped)",
        remedy: "correct it until apt-config dump shows it")
    }
    return AptConfiguration(settings: parse(text), environment: environment)
  }

  /// Each line is `NAME "VALUE";`, and all between the outer quotes is the value.
  static func parse(_ dump: String) -> [Setting] {
    dump.split(separator: "\n").compactMap { line in
      guard line.hasSuffix("\";"), let quote = line.firstIndex(of: "\"") else { return nil }
      let name = line[..<quote]
      guard name.hasSuffix(" ") else { return nil }
      let value = line[line.index(after: quote)...].dropLast(2)
      return Setting(name: String(name.dropLast()), value: String(value))
    }
  }

  func value(_ name: String) -> String? {
    settings.last { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The file or folder that a setting names, without a slash at its end; nil where it names none.
  ///
  /// As apt does it: what is not absolute is below what the groups around the setting name, up to `Dir`.
  func path(_ name: String) -> String? {
    guard var path = value(name), !path.isEmpty else { return nil }
    var group = name
    while !["/", "./", "~/", "../"].contains(where: path.hasPrefix), let end = group.ranges(of: "::").last {
      group = String(group[..<end.lowerBound])
      guard let parent = value(group), !parent.isEmpty else { continue }
      path = parent + (parent.hasSuffix("/") ? "" : "/") + path
    }
    if path.hasPrefix("/dev/null") { return nil }
    if let root = value("RootDir"), !root.isEmpty { path = root + "/" + path }
    while path.hasSuffix("/"), path != "/" { path.removeLast() }
    return path
  }

  /// The files in the folder that a setting names, in the order in which apt reads them.
  ///
  /// - Parameter endings: what their names end in, such as `.list`; one that is empty stands for names without a period.
  func files(in name: String, endings: [String]) -> [String] {
    guard let folder = path(name) else { return [] }
    return visibleEntries(of: folder).names.filter { name in
      // apt passes over all other names: editors and package tools leave copies beside the files.
      name.utf8.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
        && endings.contains { $0.isEmpty ? !name.contains(".") : name.hasSuffix($0) }
    }.map { "\(folder)/\($0)" }
  }

  /// Whether somewhere in the machine's own configuration a word stands, in letters of either case. What apt dumps without that is
  /// a default of its release.
  func isWritten(_ word: String) -> Bool {
    let main = [path("Dir::Etc::main"), environment["APT_CONFIG"]].compactMap { $0 }
    return (main + files(in: "Dir::Etc::parts", endings: ["", ".conf"])).contains {
      fileText($0)?.lowercased().contains(word.lowercased()) == true
    }
  }

  /// What another apt is told so that it fetches and believes what this machine's does: the ways to the archives, logins,
  /// keys, and the conditions under which they are trusted.
  ///
  /// - Parameter preferences: the file of pins that it heeds instead of this machine's.
  func forBootstrap(preferences: String) -> String {
    let kept = settings.filter { setting in
      let groups = ["Acquire", "APT::Key", "APT::Hashes", "APT::Sandbox::User"]
      // What is fetched is the bootstrap's own choice.
      let own = ["IndexTargets", "Languages", "Changelogs", "GzipIndexes", "CompressionTypes", "cdrom"]
      return groups.contains(where: setting.belongs) && !own.contains { setting.belongs(to: "Acquire::\($0)") }
    }
    var lines = kept.map(\.line)
    for (name, ending) in [("netrc", ""), ("netrcparts", "/"), ("trusted", ""), ("trustedparts", "/")] {
      lines.append("Dir::Etc::\(name) \"\(path("Dir::Etc::\(name)").map { $0 + ending } ?? "/dev/null")\";\n")
    }
    lines.append("Dir::Etc::preferences \"\(preferences)\";\nDir::Etc::preferencesparts \"/dev/null\";\n")
    return lines.joined()
  }

  /// Whether passwords stand in what a bootstrap is told.
  var hasCredentials: Bool {
    settings.contains { $0.belongs(to: "Acquire") && removingCredentials($0.value) != $0.value }
  }
}

/// apt's own reading of yes and no.
func isNo(_ text: String) -> Bool {
  ["no", "false", "without", "off", "disable", "0"].contains(text.lowercased())
}

/// apt's own reading of yes and no.
func isYes(_ text: String) -> Bool {
  ["yes", "true", "with", "on", "enable"].contains(text.lowercased()) || Int(text).map { $0 != 0 } == true
}
