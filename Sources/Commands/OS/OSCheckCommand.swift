// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Glibc
internal import Host
internal import Instances
internal import Judge
internal import LinuxIO
internal import Report

struct OSCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Judge an OS definition by its files, and by what its scripts do.",
    discussion: """
      Looks at the files of the definition and says for each release of Ganeti whether it would accept them. Then calls \
      the scripts, in each version of the interface that the definition declares, on scratch disks: with mounts and \
      processes of their own, and so that what they change of the machine's files is seen and dropped. What cannot be \
      under an overlay, such as a vfat, they can only read; the report lists it. That needs root; without it the files alone are judged. The network and the kernel are the machine's own: it guards against \
      faults, not against a definition that was made to attack.

      The exit status is 0 for a definition that is accepted, and 10 when a check failed.

      Examples:
        guestsmith os check debootstrap
        guestsmith os check ./my-os --api 20 -O filesystem=ext4 --html report.html
      """)

  @Argument(help: "The folder of the definition, or its name in the search path.")
  var definition: String

  @OptionGroup var search: SearchPathOption

  @Flag(help: "Look at the files alone, and run nothing.")
  var `static` = false

  @Option(help: "Call the scripts in this version of the interface only; may be repeated.")
  var api: [Int] = []

  @Option(help: "The variant to create.")
  var variant: String?

  @Option(
    name: [.customShort("O"), .customLong("os-parameters")],
    help: ArgumentHelp("Parameters of the OS, as gnt-instance takes them.", valueName: "name=value,..."))
  var parameters: [String] = []

  @Option(
    help: ArgumentHelp(
      "A parameter that is secret: no log may have it, nor the arguments of a process. Without a value one is made up.",
      valueName: "name[=value]"))
  var secret: [String] = []

  @Option(help: ArgumentHelp("Size of the scratch disk.", valueName: "size"))
  var diskSize = "2G"

  @Option(help: ArgumentHelp("How long each call of a script may take.", valueName: "seconds"))
  var timeout = 900

  @Option(
    help: ArgumentHelp(
      "A folder that the scripts may change, such as a cache; /var/cache and /var/log always are.", valueName: "dir"))
  var mayChange: [String] = []

  @OptionGroup var output: OutputOptions

  @Option(help: ArgumentHelp("Write what was found as JUnit's XML.", valueName: "file"))
  var junit: String?

  @Option(help: ArgumentHelp("Write what was found as a web page.", valueName: "file"))
  var html: String?

  @Flag(name: .shortAndLong, help: "Show no progress, only what was found.")
  var quiet = false

  /// The folder of the scratch files: this process is the one in the sandbox.
  @Option(help: .hidden)
  var insideOf: String?

  func run() throws {
    let found = try found()
    let judge = Judge(found, trial: try trial(of: found), steps: .forStandardError(quiet: quiet))
    if let insideOf {
      return try judge.tryScripts(inside: insideOf, command: try commandInside(found.path) + [insideOf])
    }
    if let stranger = api.first(where: { !found.versions.contains($0) }) {
      throw Failure(
        .usage, "\(found.path.escaped) does not declare version \(stranger)",
        remedy: "use one of those that it declares")
    }
    let junitFile = try junit.map { path in try ReportFile(path) }
    let htmlFile = try html.map { path in try ReportFile(path) }
    let verdict = try judge.verdict(inSandbox: try commandInside(found.path))
    try output.write(verdict.json, else: verdict.lines)
    try junitFile?.write(verdict.junit)
    try htmlFile?.write(verdict.html)
    if !verdict.isAccepted { throw ExitCode(Failure.Code.script.rawValue) }
  }

  /// A word with a slash in it is a folder, any other a name in the search path.
  private func found() throws(Failure) -> OSDefinition {
    if definition.contains("/") || definition == "." {
      guard let real = realPath(definition) else {
        throw Failure(.script, "there is no OS definition \(definition.quoted): \(String(cString: strerror(errno)))")
      }
      return OSDefinition(judging: real)
    }
    for folder in search.searchPath.folders {
      if examine("\(folder)/\(definition)").error == 0 { return OSDefinition(judging: definition, in: folder) }
    }
    throw Failure(
      .script, "there is no OS definition \(definition.quoted) in \(search.searchPath.folders.joined(separator: ":"))",
      remedy: "give its folder, with a slash in it, or --search-path")
  }

  private func trial(of definition: OSDefinition) throws(Failure) -> TrialOptions {
    var trial = TrialOptions()
    trial.runs = !self.static
    trial.versions = api
    if let variant, let known = definition.contents?.variants, !known.contains(variant) {
      throw undeclared("variant", variant, known, definition)
    }
    trial.variant = variant
    try addParameters(of: definition, to: &trial)
    guard let size = bytes(ofSize: diskSize) else {
      throw Failure(
        .usage, "--disk-size: \(diskSize.quoted) is not a size",
        remedy: "write it as 10G or 512M; a number alone is in MiB")
    }
    guard timeout > 0 else {
      throw Failure(.usage, "--timeout: \(timeout) is not a time", remedy: "give it in seconds")
    }
    trial.diskSize = size
    trial.seconds = timeout
    for folder in mayChange {
      guard let real = realPath(folder) else { throw Failure.system("find", folder) }
      trial.mayChange.append(real)
    }
    return trial
  }

  private func addParameters(of definition: OSDefinition, to trial: inout TrialOptions) throws(Failure) {
    for text in parameters {
      for (name, value) in try Assignments.parse(text, of: "-O") {
        try add(value, to: declared(name, by: definition), of: &trial)
      }
    }
    for text in secret {
      let name = try declared(String(text.prefix { $0 != "=" }), by: definition)
      trial.secrets.insert(name)
      guard let equals = text.firstIndex(of: "=") else { continue }
      try add(String(text[text.index(after: equals)...]), to: name, of: &trial)
    }
  }

  private func add(_ value: String, to name: String, of trial: inout TrialOptions) throws(Failure) {
    guard trial.parameters.updateValue(value, forKey: name) == nil else {
      throw Failure(.usage, "the parameter \(name.quoted) is given twice")
    }
  }

  /// The name of a parameter as the definition writes it: a host takes it in any case. That of a definition which is not
  /// valid stays as it is.
  private func declared(_ name: String, by definition: OSDefinition) throws(Failure) -> String {
    guard let known = definition.contents?.parameters.map(\.name) else { return name }
    guard let own = known.first(where: { $0.lowercased() == name.lowercased() }) else {
      throw undeclared("parameter", name, known, definition)
    }
    return own
  }

  private func undeclared(
    _ what: String, _ name: String, _ known: [String], _ definition: OSDefinition
  ) -> Failure {
    Failure(
      .usage, "\(definition.path.escaped) does not declare the \(what) \(name.quoted)",
      remedy: known.isEmpty ? "leave the option out: it declares none" : "it declares \(known.joined(separator: ", "))")
  }

  /// This command again, but for the scratch folder: its options go another way, since some of them are secret.
  private func commandInside(_ path: String) throws(Failure) -> [String] {
    [try OSInstallation.runningProgram(), "os", "check", path] + (quiet ? ["--quiet"] : []) + ["--inside-of"]
  }
}

/// A file for what is found, which is open before anything is tried: that takes long, and is not lost for a wrong path.
private final class ReportFile {
  private var file: Descriptor?

  init(_ path: String) throws(Failure) {
    file = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC)
  }

  /// Writes all of it, once.
  func write(_ text: String) throws(Failure) {
    guard let file = file.take() else { return }
    try file.writeAll(Array(text.utf8))
    try file.close()
  }
}
