// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

/// A program to be run as a child, never by way of a shell.
///
/// Each child leads a process group of its own, starts with the default signal mask and handlers, has no descriptors
/// but the three given, and ends, with all that it started in its group, when this process ends in whatever way.
package struct Command: Sendable {
  package enum Input: Sendable {
    case null, inherit, closed
    /// An open descriptor, which stays the caller's.
    case descriptor(DescriptorView)
  }

  package enum Output: Sendable {
    case null, inherit, closed
    /// An open descriptor, which stays the caller's.
    case descriptor(DescriptorView)
  }

  /// A path when there is a slash in it, else a name that is looked up in `PATH`.
  package var executable: String
  /// What it is called by (argv[0]); nil is the executable. What has a name is a part of this program, and is not shown
  /// as a program that is run.
  package var name: String?
  /// Without argv[0].
  package var arguments: [String]
  /// The whole environment; nil is our own, as `ownEnvironment` has it.
  package var environment: [String: String]?
  /// Nil is the caller's own. A relative `executable` is relative to this one.
  package var workingDirectory: String?
  package var input = Input.null
  package var output = Output.inherit
  package var error = Output.inherit
  /// More open descriptors, which stay the caller's, and the numbers, above 2, that they have in the child.
  package var extras: [(number: Int32, descriptor: DescriptorView)] = []
  /// What umask(2) is told; nil is the caller's own.
  package var creationMask: UInt32?
  /// What it may use of the machine; nil is what the caller may.
  package var limits: ChildLimits?
  /// Whose rights it has; nil is the caller's own.
  package var rights: Rights?
  /// Whether it has processes and mounts of its own: it sees no other process, and all that it started and mounted ends
  /// with it. For root only.
  package var isIsolated = false
  /// What it asks for in vain, though it is told that it is done; nil is nothing.
  package var pretence: Pretence?
  /// What it can reach; nil is what the caller can, as is all where `Sandbox` is off.
  package var confinement: Confinement?

  package enum Pretence: Sendable {
    /// Files have the lengths that it wants (ftruncate(2)).
    case lengths
    /// What it wrote has reached the disk (fsync(2) and its like): for what is thrown away where it is torn.
    case written

    fileprivate var request: clinux_pretence {
      switch self {
      case .lengths: CLINUX_PRETEND_LENGTHS
      case .written: CLINUX_PRETEND_WRITTEN
      }
    }
  }

  package init(_ executable: String, _ arguments: [String]) {
    self.executable = executable
    self.arguments = arguments
  }

  /// Runs it to its end. That it failed is a result, not an error.
  ///
  /// - Throws: `.tool` when the program is missing or cannot be executed.
  package func run() throws(Failure) -> ExitStatus {
    try start().wait()
  }

  /// Runs it to its end and keeps the last `limit` bytes of what it wrote to standard output and error together.
  package func capture(limit: Int) throws(Failure) -> (status: ExitStatus, output: [UInt8]) {
    let pipe = try Pipe()
    var command = self
    command.output = .descriptor(pipe.writer.view)
    command.error = .descriptor(pipe.writer.view)
    let child = try command.start()
    let output = try pipe.readTail(limit: limit)
    let status = try child.wait()
    return (limits?.judge(status, said: output) ?? status, output)
  }

  /// Starts it; the child ends when its owner is dropped.
  package func start() throws(Failure) -> Child {
    let path = try resolved()
    showIfDebugging()
    guard let confinement, let layers = Sandbox.layers(for: confinement.role) else {
      return try started(path, spawn(path, confined: nil))
    }
    // Links of the system are not in the root that it gets.
    let program = isOwn ? path : realPath(path) ?? path
    return try started(program, confined(program, by: confinement, layers) { spawn(program, confined: $0) })
  }

  /// Runs it behind these layers.
  ///
  /// - Returns: why it could not be run, or how it ended.
  func attempt(_ layers: SandboxLayers) throws(Failure) -> String? {
    guard let confinement, let program = realPath(executable) else { return "\(executable) is missing" }
    let outcome = try confined(program, by: confinement, layers) { spawn(program, confined: $0) }
    guard outcome.pid > 0 else { return outcome.reason }
    let status = try Child(pid: outcome.pid, name: executable, limits: nil).wait()
    return status.isSuccess ? nil : "\(executable) \(status)"
  }

  private func confined(
    _ program: String, by confinement: Confinement, _ layers: SandboxLayers, _ body: (clinux_confinement) -> Spawned
  ) throws(Failure) -> Spawned {
    try confinement.withRequest(
      executing: isOwn ? nil : program, in: workingDirectory.map { absolute($0) } ?? absolute("."), layers: layers,
      body)
  }

  /// It is this program itself, whatever its file is called by now.
  private var isOwn: Bool { executable == Self.ownProgram }
  package static let ownProgram = "/proc/self/exe"

  /// What became of a start.
  private struct Spawned {
    let pid: Int32
    let step: clinux_spawn_step
    /// What was not to be had.
    let what: String?
    let code: Int32

    var reason: String { (what.map { "\($0): " } ?? "") + String(cString: strerror(code)) }
  }

  private func started(_ path: String, _ outcome: Spawned) throws(Failure) -> Child {
    guard outcome.pid > 0 else { throw failure(outcome, path: path) }
    return Child(pid: outcome.pid, name: executable, limits: limits)
  }

  private func spawn(_ path: String, confined: clinux_confinement?) -> Spawned {
    let variables = (environment ?? ownEnvironment()).map { "\($0.key)=\($0.value)" }.sorted()
    var step = CLINUX_SPAWN_FORK
    var what: UnsafePointer<CChar>?
    let extras = extras.sorted { $0.number < $1.number }.map {
      clinux_extra(source: $0.descriptor.raw, number: $0.number)
    }
    let pid = withCStrings([path, workingDirectory ?? ""]) { paths in
      withCStrings([name ?? executable] + arguments, spare: 1) { slots in
        withCStrings(variables) { entries in
          withOptionalPointer(to: limits?.request) { limits in
            withOptionalPointer(to: rights?.request) { rights in
              withOptionalPointer(to: confined) { confinement in
                extras.withUnsafeBufferPointer { extras in
                  var request = clinux_spawn(
                    path: paths[0]!, slots: slots, environment: entries,
                    directory: workingDirectory == nil ? nil : paths[1],
                    descriptors: (number(of: input), number(of: output, 1), number(of: error, 2)),
                    extras: extras.baseAddress, extra_count: Int32(extras.count),
                    mask: creationMask.map { Int32($0) } ?? -1, limits: limits, rights: rights, isolated: isIsolated,
                    is_own: isOwn, pretence: pretence?.request ?? CLINUX_PRETEND_NOTHING, confinement: confinement)
                  return Children.starting(isConfined: confined != nil) { clinux_start(&request, &step, &what) }
                }
              }
            }
          }
        }
      }
    }
    let code = errno
    // What C names may be a text of the request.
    return Spawned(pid: pid, step: step, what: pid > 0 ? nil : what.map { String(cString: $0) }, code: code)
  }

  /// The path to execute.
  func resolved() throws(Failure) -> String {
    if executable.contains("/") { return executable }
    let search = environment?["PATH"] ?? ownEnvironment()["PATH"] ?? ""
    for directory in search.split(separator: ":") {
      let path = "\(directory)/\(executable)"
      if access(path, X_OK) == 0 { return path }
    }
    throw Failure(
      .tool, "the program \(executable) is not in \(search)",
      remedy: "install \(executable), or add its folder to PATH",
      cause: .system(ENOENT))
  }

  private func number(of input: Input) -> Int32 {
    switch input {
    case .null: -1
    case .closed: Int32(CLINUX_CLOSED)
    case .inherit: 0
    case .descriptor(let view): view.raw
    }
  }

  private func number(of output: Output, _ inherited: Int32) -> Int32 {
    switch output {
    case .null: -1
    case .closed: Int32(CLINUX_CLOSED)
    case .inherit: inherited
    case .descriptor(let view): view.raw
    }
  }

  private func failure(_ outcome: Spawned, path: String) -> Failure {
    let code = outcome.code
    let reason = String(cString: strerror(code))
    switch outcome.step {
    case CLINUX_SPAWN_DIRECTORY:
      return Failure(.io, "cannot run \(executable) in \(workingDirectory ?? "."): \(reason)")
    case CLINUX_SPAWN_DESCRIPTORS:
      return Failure(.io, "cannot run \(executable): its input and output cannot be connected: \(reason)")
    case CLINUX_SPAWN_NAMESPACE:
      return Failure(
        .tool, "cannot run \(executable) with processes and mounts of its own: \(reason)",
        remedy: "run it where root may make namespaces: a container needs CAP_SYS_ADMIN for that")
    case CLINUX_SPAWN_CONFINE:
      return Failure(
        .tool, "cannot confine \(executable): \(outcome.reason)",
        remedy: "see guestsmith config check for what this machine has, or set sandbox = off")
    case CLINUX_SPAWN_EXECUTE where code == ENOENT && workingDirectory == nil && access(path, F_OK) == 0:
      return Failure(
        .tool, "cannot execute \(path): the interpreter that its first line names is missing",
        remedy: "correct the first line of \(path)")
    case CLINUX_SPAWN_EXECUTE:
      return Failure(.tool, "cannot execute \(path): \(reason)")
    default:
      return Failure(.io, "cannot start \(executable): \(reason)")
    }
  }
}

func withOptionalPointer<T, R>(to value: T?, _ body: (UnsafePointer<T>?) -> R) -> R {
  guard let value else { return body(nil) }
  return withUnsafePointer(to: value) { body($0) }
}

/// Calls `body` with a NULL-terminated array of C strings behind `spare` free slots.
func withCStrings<R>(
  _ strings: [String], spare: Int = 0, _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
  var slots = [UnsafeMutablePointer<CChar>?](repeating: nil, count: spare)
  let owned = strings.map { strdup(ByteString(argument: $0).cString) }
  defer { for string in owned { free(string) } }
  slots += owned + [nil]
  return slots.withUnsafeMutableBufferPointer { buffer in
    // Never empty: the terminator is in it.
    body(buffer.baseAddress!)
  }
}
