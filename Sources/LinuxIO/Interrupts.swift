// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Synchronization

/// What SIGHUP, SIGINT and SIGTERM do: the children end, the registered clean-ups run, last one first, one line goes
/// to standard error and the process exits with 128 and the signal's number. SIGPIPE is ignored: a write fails instead.
package enum Interrupts {
  /// A clean-up that is registered.
  package struct Token: Sendable {
    fileprivate let number: Int

    /// The clean-up is not to run any more.
    package func cancel() {
      state.withLock { state in state.cleanUps.removeAll { $0.number == number } }
    }
  }

  private struct State: Sendable {
    var next = 0
    var cleanUps: [(number: Int, body: @Sendable () -> Void)] = []
    var isInterrupted = false
    var isTold = true
  }

  private static let state = Mutex(State())

  /// To be called once, by the main thread before there are others: they inherit the blocked signals.
  package static func install() {
    var signals = sigset_t()
    clinux_block_interrupts(&signals)
    let waited = signals
    startThread { wait(for: waited) }
  }

  /// That an interrupt ended it is not told by this process: it is a part of another one's work, which tells it.
  package static func beSilent() {
    state.withLock { $0.isTold = false }
  }

  /// Registers what has to be undone if an interrupt ends the process. It runs on a thread of its own while the
  /// interrupted work may still go on, so it must bear to find its thing half done, or undone already;
  /// and it starts no child.
  package static func onInterrupt(_ cleanUp: @escaping @Sendable () -> Void) -> Token {
    state.withLock { state in
      state.next += 1
      state.cleanUps.append((state.next, cleanUp))
      return Token(number: state.next)
    }
  }

  /// Does not return when an interrupt is ending the process. To be called before an outcome is told or the process
  /// exits: what failed because its children were ended is not a failure of its own.
  package static func holdIfInterrupted() {
    while state.withLock({ $0.isInterrupted }) { pause() }
  }

  private static func wait(for signals: sigset_t) {
    var signals = signals
    var number: Int32 = 0
    while sigwait(&signals, &number) != 0 {}
    state.withLock { $0.isInterrupted = true }
    Children.endAll()
    while let cleanUp = state.withLock({ $0.cleanUps.popLast() }) { cleanUp.body() }
    guard state.withLock({ $0.isTold }) else { _exit(128 + number) }
    // On a terminal there may be half a line of progress.
    let start = isatty(STDERR_FILENO) == 1 ? "\n" : ""
    let line = "\(start)guestsmith: interrupted by \(name(of: number))\n"
    // Nobody may be reading standard error: the end does not wait for that.
    var room = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    if poll(&room, 1, 0) > 0 { _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) } }
    _exit(128 + number)
  }

  private static func name(of number: Int32) -> String {
    switch number {
    case SIGHUP: "SIGHUP"
    case SIGINT: "SIGINT"
    default: "SIGTERM"
    }
  }
}

/// Starts a thread that nobody waits for.
private func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(Box(body))
  let result = pthread_create(
    &thread, nil,
    { pointer in
      guard let pointer else { return nil }
      Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body()
      return nil
    }, box.toOpaque())
  if result == 0 { pthread_detach(thread) } else { box.release() }
}
