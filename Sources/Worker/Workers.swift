// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
package import LinuxIO
package import Report
internal import Synchronization

/// How work on what a guest or a stranger wrote is done.
package struct Workers: Sendable {
  package enum Sandbox: String, Sendable, CaseIterable {
    /// In processes that have what the machine has to confine them.
    case auto
    /// The same, and not at all where anything of that is missing.
    case required
    /// In this process.
    case off
  }

  package let sandbox: Sandbox
  private let program: String

  /// - Parameter program: what is started, under the name of a worker.
  package init(_ sandbox: Sandbox, program: String = "/proc/self/exe") {
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
    let running: RunningWorker
    if sandbox == .off {
      let held = ThreadDescriptors(
        try descriptors.map { descriptor throws(Failure) in
          SharedDescriptor(try descriptor.view.duplicate(named: descriptor.view.name))
        })
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
      running = RunningWorker(wire, try process(other, descriptors, limits).start(), purpose)
    }
    running.tell([
      "task": .string(task.name), "descriptors": .array(descriptors.map(\.json)), "values": values,
    ])
    return running
  }

  private func process(_ wire: Wire, _ descriptors: [WorkerDescriptor], _ limits: ChildLimits) -> Command {
    var command = Command(program, [])
    command.name = WorkerMain.name
    command.environment = [:]
    command.output = .null
    // What Swift says when it stops a program is for developers.
    command.error = Debugging.isOn ? .inherit : .null
    command.extras = [(WorkerMain.socket, wire.view)]
    for (place, descriptor) in descriptors.enumerated() {
      command.extras.append((WorkerMain.first + Int32(place), descriptor.view))
    }
    command.limits = limits.ofOurOwn
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
