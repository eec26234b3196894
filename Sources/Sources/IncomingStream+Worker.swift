// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
package import LinuxIO
package import Report
package import Worker

extension IncomingStream {
  /// Has a worker read the stream from its beginning: `WorkerContext.stream` there. It is not read here any more.
  ///
  /// - Parameter others: what the task has behind the stream, from its third descriptor on.
  package func run(
    _ task: WorkerTask, _ values: JSON, _ others: [WorkerDescriptor], by workers: Workers, _ limits: ChildLimits,
    _ steps: Steps
  ) throws(Failure) -> JSON {
    let (seen, rest) = handOver()
    let beginning = try Descriptor(inMemory: name)
    try beginning.writeAll(seen)
    // Where there is no rest, the end of the beginning is as good.
    let worker = try workers.start(
      task, values, [.stream(rest ?? beginning.view), .stream(beginning.view)] + others,
      .init(.dump, "reads \(name)"), limits)
    // That what unpacks the stream was satisfied is known only when it has ended.
    DispatchQueue(label: "guestsmith.input").async {
      do throws(Failure) {
        try self.finish()
        worker.confirmInput(nil)
      } catch {
        worker.confirmInput(error)
      }
    }
    return try worker.result(steps)
  }
}

extension WorkerContext {
  /// The stream that the task is given, in its first two descriptors, and what it is.
  package func stream() throws(Failure) -> (stream: IncomingStream, kind: StreamKind) {
    let rest = try descriptor(0)
    let beginning = try descriptor(1)
    let seen = try beginning.bytes(at: 0, count: StreamKind.prefixLength)
    let stream = IncomingStream(handedOver: rest, called: beginning.name, seen: seen) { () throws(Failure) in
      try self.confirmInput()
    }
    return (stream, StreamKind(prefix: seen))
  }
}
