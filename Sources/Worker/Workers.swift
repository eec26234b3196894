// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
package import LinuxIO
package import Report
internal import Synchronization

/// How work on what a guest or a stranger wrote is done.
package struct Workers: Sendable {
  /// `.off` is in this process; else in processes that are confined.
  package let sandbox: SandboxMode
  private let program: String?

  /// - Parameter program: what is started, under the name of a worker, and not confined; nil is this program.
  package init(_ sandbox: SandboxMode, program: String? = nil) {
    self.sandbox = sandbox
    self.program = program
  }

  /// What a worker does, for a message about one that did not end well.
  package struct Purpose: Sendable {
    /// The code of that failure.
    let code: Failure.Code
    /// As it stands behind "the worker that".
    let words: String

    package init(_ code: Failure.Code, _ words: String) {
      self.code = code
      self.words = words
    }
  }

  /// Runs a task to its end; returns what it found.
  package func run(
    _ task: WorkerTask, _ values: JSON, _ descriptors: [WorkerDescriptor], _ purpose: Purpose, _ limits: ChildLimits,
    _ steps: Steps
  ) throws(Failure) -> JSON {
    try start(task, values, descriptors, purpose, limits).result(steps)
  }

  /// Starts a task, which has its own copies of the descriptors from then on.
  package func start(
    _ task: WorkerTask, _ values: JSON, _ descriptors: [WorkerDescriptor], _ purpose: Purpose, _ limits: ChildLimits
  ) throws(Failure) -> RunningWorker {
    let ends = try SocketPair(named: "the socket to a worker").split()
    let (wire, other) = (Wire(ends.ours), Wire(ends.theirs))
    var companions: [SharedDescriptor] = []
    var views = try descriptors.map { descriptor throws(Failure) -> DescriptorView in
      guard task.role.onlyReads, let reading = try descriptor.forReading() else { return descriptor.view }
      companions.append(reading)
      return reading.view
    }
    let list = try descriptors.map { descriptor throws(Failure) -> JSON in
      guard let companion = try descriptor.companion() else { return descriptor.json(companion: nil) }
      companions.append(companion)
      views.append(companion.view)
      return descriptor.json(companion: views.count - 1)
    }
    defer { withExtendedLifetime(companions) {} }
    let running: RunningWorker
    if sandbox == .off {
      let held = ThreadDescriptors(
        try views.map { view throws(Failure) in SharedDescriptor(try view.duplicate(named: view.name)) })
      let end = DispatchSemaphore(value: 0)
      DispatchQueue(label: "guestsmith.worker").async {
        WorkerMain.serve(other, [task]) { place, name throws(Failure) in
          try held.take(place, named: name)
        }
        // A lock on a disk goes with the last of its descriptors.
        held.drop()
        end.signal()
      }
      running = RunningWorker(wire, nil, purpose) { end.wait() }
    } else {
      running = RunningWorker(wire, try process(task, other, descriptors, views, limits).start(), purpose)
    }
    running.tell([
      "task": .string(task.name), "filter": .bool(Sandbox.filters(task.role.confinement)),
      "descriptors": .array(list), "values": values,
    ])
    return running
  }

  private func process(
    _ task: WorkerTask, _ wire: Wire, _ descriptors: [WorkerDescriptor], _ views: [DescriptorView],
    _ limits: ChildLimits
  ) throws(Failure) -> Command {
    var command = Command(program ?? Command.ownProgram, [])
    command.name = WorkerMain.name
    command.environment = [:]
    command.output = .null
    // What Swift says when it stops a program is for developers.
    command.error = Debugging.isOn ? .inherit : .null
    command.extras = [(WorkerMain.socket, wire.view)]
    for (place, view) in views.enumerated() { command.extras.append((WorkerMain.first + Int32(place), view)) }
    command.limits = limits.ofOurOwn
    guard program == nil else { return command }
    command.confinement = Confinement(.worker)
    if task.role == .extractor, let folder = descriptors.last {
      command.confinement = Confinement(
        making: WorkerMain.first + Int32(descriptors.count) - 1, try .init(of: folder.view))
    }
    return command
  }
}

/// What a worker in this process is given.
private final class ThreadDescriptors: Sendable {
  private let descriptors: Mutex<[SharedDescriptor]>

  init(_ descriptors: [SharedDescriptor]) {
    self.descriptors = Mutex(descriptors)
  }

  func take(_ place: Int, named name: String) throws(Failure) -> Descriptor {
    try descriptors.withLock { $0[place] }.view.duplicate(named: name)
  }

  func drop() { descriptors.withLock { $0 = [] } }
}
