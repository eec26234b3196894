// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// The program as a worker: it is given one task, over a socket, and ends with that.
package enum WorkerMain {
  /// The name that a worker is called by.
  package static let name = "guestsmith-worker"
  /// Its descriptors: the socket, and from the next one on those of its task.
  static let socket: Int32 = 3
  static let first: Int32 = 4

  /// Does one task of these and ends the process, where it is called as a worker. To be called before anything else.
  package static func run(_ tasks: @autoclosure () -> [WorkerTask]) {
    guard isCalled(name) else { return }
    // What a pipe's other end does is an error of the write, not an end.
    signal(SIGPIPE, SIG_IGN)
    serve(
      Wire(SharedDescriptor(Descriptor(owning: socket, name: "the socket of the worker"))), tasks(), isConfined: true
    ) { place, name throws(Failure) in try Descriptor(inherited: first + Int32(clamping: place), name: name)
    }
    _exit(0)
  }

  /// Does what is asked for over the wire.
  ///
  /// - Parameter take: gives the task its descriptors.
  static func serve(
    _ wire: Wire, _ tasks: [WorkerTask], isConfined: Bool = false, _ take: @escaping WorkerContext.Taking
  ) {
    var last: Frame
    do throws(Failure) {
      last = .done(try perform(wire, tasks, isConfined, take))
    } catch {
      last = .failure(error)
    }
    if last.json.serialized().utf8.count > Wire.longestFrame {
      last = .failure(Failure(.io, "the answer of a worker is too long"))
    }
    try? wire.send(last.json)
    wire.finish()
  }

  private static func perform(
    _ wire: Wire, _ tasks: [WorkerTask], _ isConfined: Bool, _ take: @escaping WorkerContext.Taking
  ) throws(Failure) -> JSON {
    guard let request = try wire.receive(atMost: Wire.longestRequest) else {
      throw Failure(.io, "a worker is asked for nothing")
    }
    let name = try request.text("task")
    guard let task = tasks.first(where: { $0.name == name }) else {
      throw Failure(.io, "there is no task \(name.quoted)")
    }
    // Where the broker has found that the kernel has filters.
    if isConfined, try request.flag("filter") { try restrictOwnCalls(to: task.role.confinement) }
    return try task.body(WorkerContext(request, wire, take))
  }
}
