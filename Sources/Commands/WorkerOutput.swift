// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Dispatch
internal import Glibc
internal import Inspection
internal import Instances
internal import LinuxIO
internal import Provider
internal import Report
internal import Synchronization
internal import Worker

/// What workers do for all commands.
let workerTasks: [WorkerTask] =
  Provider.tasks + inspectionTasks + instanceTasks + [DumpListCommand.task, DumpDiffCommand.task]

/// The workers of a command, confined as this machine's configuration says; what is missing for that is told.
///
/// - Parameter role: what is to be started.
func commandWorkers(_ steps: Steps, for role: Confinement.Role = .worker) throws(Failure) -> Workers {
  let mode = try machineSandboxMode()
  if let note = try Sandbox.use(mode, for: role) { steps.note(note) }
  return Workers(mode)
}

/// What the machine's configuration says; one that the caller may not read is not for them.
private func machineSandboxMode() throws(Failure) -> SandboxMode {
  do throws(Failure) {
    return try Configuration.load(definitionDirectory: nil).sandboxMode
  } catch {
    guard access("\(Configuration.systemDirectory)/\(Configuration.fileName)", R_OK) != 0, errno == EACCES else {
      throw error
    }
    return .auto
  }
}

/// Runs a task whose answer is lines, or JSON, for standard output: it writes them to its last descriptor, and what could
/// disturb a terminal is escaped here.
func writeOutput(
  of task: WorkerTask, _ values: JSON, _ dumps: [DumpFile], by workers: Workers, _ steps: Steps
) throws(Failure) {
  let pipe = try Pipe()
  // The worker has their files by then: an array goes with its last use.
  defer { withExtendedLifetime(dumps) {} }
  let worker = try workers.start(
    task, values, dumps.map(\.handedOver) + [.stream(pipe.writer.view)], .init(.dump, "reads the dump"),
    dumps[0].limits)
  let lines = OutputLines(pipe.keepingReader())
  do throws(Failure) {
    _ = try worker.result(steps)
  } catch {
    try lines.finish()
    throw error
  }
  try lines.finish()
}

/// Lines that come through a pipe, on their way to standard output.
private final class OutputLines: Sendable {
  private let reader: SharedDescriptor
  private let failure = Mutex<Failure?>(nil)
  private let end = DispatchSemaphore(value: 0)

  /// No line of ours is longer: it has a path and where a link leads.
  private static let longest = 1 << 20

  init(_ reader: consuming Descriptor) {
    self.reader = SharedDescriptor(reader)
    DispatchQueue(label: "guestsmith.output").async { [self] in
      do throws(Failure) {
        try copy()
      } catch {
        failure.withLock { $0 = error }
        // The worker is not to wait for a reader.
        while let count = try? skip(), count > 0 {}
      }
      end.signal()
    }
  }

  private func skip() throws(Failure) -> Int {
    try withBuffer(of: 1 << 16) { buffer throws(Failure) in try reader.read(into: buffer) }
  }

  /// Waits until all is written.
  func finish() throws(Failure) {
    end.wait()
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  private func copy() throws(Failure) {
    var rest: [UInt8] = []
    while true {
      let piece = try [UInt8](upTo: 1 << 16) { buffer throws(Failure) in try reader.read(into: buffer) }
      guard !piece.isEmpty else { break }
      var lines = (rest + piece).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      rest = Array(lines.removeLast())
      try write(lines)
      guard rest.count <= Self.longest else {
        throw Failure(.dump, "the worker that reads the dump writes a line of more than \(Self.longest) bytes")
      }
    }
    if !rest.isEmpty { try write([rest[...]]) }
  }

  private func write(_ lines: [ArraySlice<UInt8>]) throws(Failure) {
    guard !lines.isEmpty else { return }
    try writeOutput(lines.map { String(decoding: $0, as: UTF8.self) })
  }
}
