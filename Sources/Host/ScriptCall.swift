// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// One call of a script by interface version 5, as Ganeti 1.2.6 makes it: in the folder of the definition, with the
/// environment of the host and `LC_ALL=C`, standard input closed or a dump, all that it says in a log.
///
/// Unlike 1.2.6 no shell is in between, and no exit status is lost.
struct ScriptCall {
  let definition: OSDefinition
  let script: Script
  let arguments: [String]
  /// What the name of the log starts with: `add-debian-vm1.example.com`.
  let logName: String
  var input = Command.Input.null
  /// Where standard output goes instead of into the log.
  var output: Int32?

  /// The version of the interface that this call speaks.
  static let version = 5

  /// Runs the script to its end, with its log in `logFolder/os`.
  ///
  /// - Throws: `.script` with the last lines of the log when the script fails.
  func run(logFolder: String) throws(Failure) {
    let log = try LogFile(in: logFolder, logName)
    let folder = definition.path
    var command = Command("\(folder)/\(script.rawValue)", arguments)
    command.workingDirectory = folder
    command.environment = callerEnvironment().merging(["LC_ALL": "C"]) { $1 }
    command.input = input
    command.error = .descriptor(log.raw)
    command.output = .descriptor(output ?? log.raw)
    let status = try command.run()
    if status.isSuccess { return }
    throw failure(status, log)
  }

  /// What can be known to be wrong before anything is done.
  func check() throws(Failure) {
    guard definition.versions.contains(Self.version) else {
      let versions = definition.versions.map { String($0) }.joined(separator: ", ")
      throw Failure(
        .script, "the OS \(definition.name) speaks version \(versions) of the interface, not \(Self.version)",
        remedy: "choose an OS that guestsmith os diagnose shows with [API versions: \(Self.version)]")
    }
    for argument in [definition.path] + arguments where !isShellSafe(argument) {
      throw Failure(
        .invalid, "\(argument.quoted) cannot be handed to a script of interface version \(Self.version)",
        remedy: "use names and paths of letters, digits and . _ + / : % @ - only")
    }
  }

  private func failure(_ status: ExitStatus, _ log: borrowing LogFile) -> Failure {
    let lines = log.lastLines(20)
    let told = lines.isEmpty ? ", and said nothing" : ":" + lines.map { "\n  | \($0)" }.joined()
    return Failure(
      .script, "the \(script.rawValue) script of \(definition.name) \(status)\(told)",
      remedy: "all that it said is in \(log.path)")
  }
}

/// The log of one call; the names are those of Ganeti 1.2.6.
struct LogFile: ~Copyable, Sendable {
  let path: String
  private let file: Descriptor
  private let start: UInt64

  var raw: Int32 { file.raw }

  /// Opens `FOLDER/os/NAME-EPOCH.log`, and makes the folders.
  init(in folder: String, _ name: String) throws(Failure) {
    let logs = "\(absolute(folder))/os"
    let path = "\(logs)/\(name)-\(time(nil)).log"
    let file = try Self.open(path, in: logs)
    start = UInt64(try file.status().st_size)
    self.file = file
    self.path = path
  }

  private static func open(_ path: String, in folder: String) throws(Failure) -> Descriptor {
    do throws(Failure) {
      try makeFolders(folder, mode: 0o750)
      // A second call in the same second adds to the log of the first.
      return try Descriptor(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o640)
    } catch {
      throw Failure(error.code, error.message, remedy: "choose a folder for the logs that you may write: --log-dir DIR")
    }
  }

  /// The last lines that this call wrote, fit for a terminal.
  func lastLines(_ count: Int) -> [String] {
    let limit: UInt64 = 32768
    guard let end = try? UInt64(file.status().st_size), end > start else { return [] }
    let from = max(start, end > limit ? end - limit : 0)
    guard let bytes = try? read(from: file, at: from, count: Int(end - from)) else { return [] }
    let lines = bytes.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d })
    return lines.suffix(count).map { Words.printable(String(decoding: $0, as: UTF8.self), limit: 500) }
  }
}

private func callerEnvironment() -> [String: String] {
  var variables: [String: String] = [:]
  var next = environ
  while let entry = next.pointee {
    let pair = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
    next += 1
  }
  return variables
}
