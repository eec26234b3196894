// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Interface
package import LinuxIO
package import Report

/// One call of a script of an OS definition, as Ganeti makes it in the version of the interface that both speak: by
/// arguments in version 5, else by the environment; in the folder of the definition; all that it says in a log.
///
/// Unlike Ganeti 1.2.6 no shell is in between, and no exit status is lost.
package struct ScriptCall: Sendable {
  package enum Purpose: Sendable, Equatable {
    case create(isReinstall: Bool)
    case rename(from: InstanceName)
    /// The disk of that number is read at `path`, which may be a snapshot, and its dump goes to a descriptor, which is
    /// nil for as long as it is not open.
    case export(disk: Int, path: String, to: DescriptorView?)
    /// The disk of that number is restored from a descriptor, which is nil for as long as it is not open.
    case `import`(disk: Int, from: DescriptorView?)
    case verify
  }

  /// What ends a script that does not end by itself.
  package struct Limits: Sendable {
    package var seconds: Int?
    /// Of its log, in bytes.
    package var log: UInt64 = 64 << 20
    /// Asked ten times a second whether the script has become useless.
    package var isToEnd: @Sendable () -> Bool = { false }

    package init(seconds: Int? = nil) {
      self.seconds = seconds
    }
  }

  package let definition: OSDefinition
  package let version: Int
  package var purpose: Purpose
  package let instance: Instance
  package var limits = Limits()
  /// Whether the script has processes and mounts of its own, which end with it. For root only: others cannot.
  package var isIsolated = geteuid() == 0
  /// The descriptor that an export writes its expected size to, in bytes.
  package var sizeDescriptor: DescriptorView?
  /// Whether the script is called without the standard streams that carry no data, as by a daemon that closed its own.
  package var closesStreams = false
  /// Added to the environment that hosts of this version give.
  package var moreEnvironment: [String: String] = [:]

  /// - Parameter version: nil is the highest version that the definition speaks.
  /// - Throws: `.script` or `.invalid` for what can be known to be wrong before anything is done.
  package init(_ definition: OSDefinition, _ purpose: Purpose, of instance: Instance, version: Int? = nil)
    throws(Failure)
  {
    guard let spoken = version ?? definition.spokenVersion, definition.versions.contains(spoken) else {
      let versions = definition.versions.map { String($0) }.joined(separator: ", ")
      throw Failure(
        .script,
        "the OS \(definition.name) speaks version \(versions) of the interface, not "
          + (version.map { String($0) } ?? "5, 10, 15 or 20"), remedy: "see guestsmith os diagnose")
    }
    self.definition = definition
    self.version = spoken
    self.purpose = purpose
    self.instance = instance
    try checkForCreate()
    try spoken == InterfaceVersion.byArguments ? checkForArguments() : checkForEnvironment()
  }

  package var script: Script {
    switch purpose {
    case .create: .create
    case .rename: .rename
    case .export: .export
    case .import: .import
    case .verify: .verify
    }
  }

  /// Runs the script to its end, with its log in `logFolder/os`. Returns the path of the log.
  ///
  /// - Throws: `.script` with the last lines of the log when the script fails, or is ended at a limit.
  @discardableResult
  package func run(logFolder: String) throws(Failure) -> String {
    let end = try runToEnd(logFolder: logFolder)
    guard end.status.isSuccess else { throw failure("\(end.status)", end.log, end.lastLines) }
    return end.log
  }

  /// How a script ended by itself.
  package struct End: Sendable {
    package let status: ExitStatus
    /// The path of its log.
    package let log: String
    /// Without the values of secret parameters.
    package let lastLines: [String]
  }

  /// The same, but that the script fails is a result.
  ///
  /// - Throws: `.script` when the script is ended at a limit.
  package func runToEnd(logFolder: String) throws(Failure) -> End {
    let log = try LogFile(in: logFolder, logName)
    var command = Command("\(definition.path)/\(script.rawValue)", arguments)
    command.workingDirectory = definition.path
    command.environment = environment.merging(moreEnvironment) { $1 }
    command.creationMask = version == 5 ? nil : 0o077
    command.isIsolated = isIsolated
    if closesStreams { command.input = .closed }
    command.error = closesStreams ? .closed : .descriptor(log.view)
    command.output = closesStreams ? .closed : .descriptor(log.view)
    switch purpose {
    case .export(_, _, let output):
      command.output = output.map { .descriptor($0) } ?? .null
      command.extras = sizeDescriptor.map { [(Self.sizeNumber, $0)] } ?? []
    case .import(_, let input): command.input = input.map { .descriptor($0) } ?? .null
    case .create, .rename, .verify: break
    }
    let started = ContinuousClock.now
    let status = try command.start().wait { () throws(Failure) in
      if let seconds = limits.seconds, started.duration(to: .now) > .seconds(seconds) {
        throw failure("was ended: it took longer than \(seconds) s", log.path, lastLines(of: log))
      }
      if limits.isToEnd() { throw failure("was ended because another script failed", log.path, lastLines(of: log)) }
      if log.length > limits.log {
        throw failure(
          "was ended: it wrote more than \(limits.log >> 20) MiB to its log", log.path, lastLines(of: log))
      }
    }
    return End(status: status, log: log.path, lastLines: lastLines(of: log))
  }

  /// Without the values that are in no message.
  private func lastLines(of log: borrowing LogFile) -> [String] {
    let secrets = instance.parameters.values.filter { $0.visibility == .secret && !$0.value.isEmpty }
      .map { Array($0.value.utf8) }
    return log.lastLines(20, without: secrets.sorted { $0.count > $1.count })
  }

  /// The number that the descriptor for the expected size has in the script: Ganeti's is 11 as well.
  static let sizeNumber: Int32 = 11

  private func failure(_ words: String, _ log: String, _ lines: [String]) -> Failure {
    let told = lines.isEmpty ? ", and wrote nothing to its log" : ":" + lines.map { "\n  | \($0)" }.joined()
    return Failure(
      .script, "the \(script.rawValue) script of \(definition.name) \(words)\(told)",
      remedy: "its whole log is \(log)")
  }

  /// As the host of this version calls it.
  private var logName: String {
    let os = definition.name
    guard version > 5 else {
      let start =
        switch purpose {
        case .create: "add-\(os)-\(instance.name)"
        case .rename(let old): "rename-\(os)-\(old)-\(instance.name)"
        case .export: "exp-\(os)-\(instance.name)"
        case .import: "import-\(os)-\(instance.name)"
        case .verify: "verify-\(os)"
        }
      return "\(start)-\(time(nil))"
    }
    let full = instance.osName
    let start =
      switch purpose {
      case .create: "add-\(full)-\(instance.name)"
      case .rename(let old): "rename-\(full)-\(old)-\(instance.name)"
      case .export(let disk, _, _): "export-\(full)-\(instance.name)-disk\(disk)"
      case .import(let disk, _): "import-\(full)-\(instance.name)-disk\(disk)"
      case .verify: "verify-\(full)-\(instance.name)"
      }
    return "\(start)-\(timestamp())"
  }
}

/// The time as Ganeti 2 and 3 have it in the names of files: `2026-11-23_10_05_00`.
func timestamp() -> String {
  var now = time(nil)
  var parts = tm()
  localtime_r(&now, &parts)
  var text = [CChar](repeating: 0, count: 32)
  let count = strftime(&text, text.count, "%Y-%m-%d_%H_%M_%S", &parts)
  return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
