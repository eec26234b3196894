// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc
internal import Host
internal import Report
internal import Synchronization

/// Runs the calls at the same time, as Ganeti does for the disks of an instance. When one fails, the others are ended.
///
/// - Throws: the first failure.
func together(
  _ calls: [ScriptCall], _ body: @escaping @Sendable (ScriptCall) throws(Failure) -> Void
) throws(Failure) {
  let failure = FirstFailure()
  let queue = DispatchQueue(label: "disks", attributes: .concurrent)
  let group = DispatchGroup()
  for var call in calls {
    call.limits.isToEnd = { failure.found != nil }
    queue.async(group: group) { [call] in
      do throws(Failure) { try body(call) } catch { failure.note(error) }
    }
  }
  group.wait()
  if let found = failure.found { throw found }
}

private final class FirstFailure: Sendable {
  private let first = Mutex<Failure?>(nil)

  var found: Failure? { first.withLock { $0 } }

  func note(_ failure: Failure) { first.withLock { if $0 == nil { $0 = failure } } }
}

/// Tells how far scripts are that read or write files: they have our open files, so where those are at is where the
/// scripts are.
final class Follower: Sendable {
  struct Position {
    var done: UInt64 = 0
    /// Nil when one of the files has no known end.
    private(set) var total: UInt64? = 0

    mutating func expect(_ count: UInt64?) {
      total = total.flatMap { sum in count.flatMap { sum.addingReportingOverflow($0).overflow ? nil : sum + $0 } }
    }
  }

  private let progress: StepProgress
  private let position: @Sendable (inout Position) -> Void
  private let told = Mutex<UInt64>(0)

  init(_ progress: StepProgress, _ position: @escaping @Sendable (inout Position) -> Void) {
    self.progress = progress
    self.position = position
  }

  func following(_ body: () throws(Failure) -> Void) throws(Failure) {
    let queue = DispatchQueue(label: "progress")
    let timer = DispatchSource.makeTimerSource(queue: queue)
    timer.setEventHandler { self.tell() }
    timer.schedule(deadline: .now() + .milliseconds(100), repeating: .milliseconds(100))
    timer.activate()
    defer {
      timer.cancel()
      queue.sync { self.tell() }
    }
    try body()
  }

  private func tell() {
    var now = Position()
    position(&now)
    if let total = now.total, total >= now.done { progress.expect(total) }
    let news = told.withLock { told in
      let news = now.done > told ? now.done - told : 0
      told += news
      return news
    }
    if news > 0 { progress.advance(by: news) }
  }
}
