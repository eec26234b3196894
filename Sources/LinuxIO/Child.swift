// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Dispatch
internal import Glibc
package import Report
internal import Synchronization

/// A running child and its process group: SIGTERM, then SIGKILL, when its owner drops it without waiting.
package struct Child: ~Copyable, Sendable {
  package let pid: Int32
  private let name: String
  private let limits: ChildLimits?
  private let started = ContinuousClock.now
  private var isOver = false

  init(pid: Int32, name: String, limits: ChildLimits?) {
    self.pid = pid
    self.name = name
    self.limits = limits
    guard let limits else { return }
    Children.end(pid, after: limits.duration)
    if let room = limits.room { Children.end(pid, whenFull: room) }
  }

  deinit {
    guard !isOver else { return }
    Children.end(pid)
    Children.reap(pid)
  }

  /// Waits until it ends.
  package consuming func wait() throws(Failure) -> ExitStatus {
    guard clinux_wait_keeping(pid, true) == 0 else { throw .system("wait for", name) }
    // When it ended because we are being ended, what its caller would make of it is not to be told.
    Interrupts.holdIfInterrupted()
    isOver = true
    guard let (status, processor) = Children.reap(pid) else { throw .system("wait for", name) }
    return limits?.judge(status, after: started.duration(to: .now), processor: processor) ?? status
  }

  /// Waits until it ends, and asks `check` ten times a second meanwhile: what that throws ends it, with its group.
  package consuming func wait(_ check: () throws(Failure) -> Void) throws(Failure) -> ExitStatus {
    while true {
      let result = clinux_wait_at_most(pid, 100)
      guard result >= 0 else { throw .system("wait for", name) }
      if result == 0 { return try wait() }
      try check()
    }
  }

  /// Sends a signal to it and all of its group.
  package borrowing func signal(_ number: Int32) {
    kill(-pid, number)
  }
}

/// The children that run now. A process id stays in here until just before it is reaped, so it is never another's.
enum Children {
  private struct State {
    /// And whether each is the first process of a namespace, to which SIGTERM means nothing.
    var running: [Int32: Bool] = [:]
    /// Until when one may run, by its id: an id that is used again has another time.
    var deadlines: [Int32: ContinuousClock.Instant] = [:]
    /// For an interrupt, which ends the process next.
    var isOver = false
  }

  private static let state = Mutex(State())

  /// How long a child has between SIGTERM and SIGKILL, in hundredths of a second.
  private static let patience = 500

  static func starting(isConfined: Bool = false, _ spawn: () -> Int32) -> Int32 {
    Interrupts.holdIfInterrupted()
    // Under the lock, so that an interrupt finds each child or comes before it.
    let started: Int32? = state.withLock { state in
      guard !state.isOver else { return nil }
      let pid = spawn()
      let code = errno
      if pid > 0 { state.running[pid] = isConfined }
      errno = code
      return pid
    }
    if let started { return started }
    // The interrupt came between the two.
    while true { pause() }
  }

  @discardableResult
  static func reap(_ pid: Int32) -> (status: ExitStatus, processor: UInt64)? {
    state.withLock { state in
      state.running[pid] = nil
      state.deadlines[pid] = nil
      clinux_forget(pid)
      var signalled = false
      var code: Int32 = 0
      var seconds: UInt64 = 0
      guard clinux_reap(pid, &signalled, &code, &seconds) == 0 else { return nil }
      return (signalled ? .signalled(code) : .exited(code), seconds)
    }
  }

  /// Ends the group of a child that is still there after so many seconds.
  static func end(_ pid: Int32, after seconds: UInt64) {
    let deadline = ContinuousClock.now + .seconds(seconds)
    state.withLock { $0.deadlines[pid] = deadline }
    DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Int(clamping: seconds))) {
      state.withLock { state in
        if state.deadlines[pid] == deadline { kill(-pid, SIGKILL) }
      }
    }
  }

  /// Ends the group of a child that has filled its room; the kernel counts only the length of a file, of which most may be
  /// holes.
  static func end(_ pid: Int32, whenFull room: ChildLimits.Room) {
    let deadline = state.withLock { $0.deadlines[pid] }
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(100)) {
      let goesOn = state.withLock { state in
        guard let deadline, state.deadlines[pid] == deadline else { return false }
        guard room.isFull else { return true }
        kill(-pid, SIGKILL)
        return false
      }
      if goesOn { end(pid, whenFull: room) }
    }
  }

  /// Ends the group of a child that has not ended.
  static func end(_ pid: Int32) {
    end(state.withLock { $0.running.filter { $0.key == pid } })
  }

  /// Ends groups: politely, so that a script can undo what it did, then surely.
  private static func end(_ children: [Int32: Bool]) {
    for (pid, isConfined) in children { kill(-pid, isConfined ? SIGKILL : SIGTERM) }
    let pids = children.keys
    var left = patience
    while left > 0, pids.contains(where: { clinux_wait_keeping($0, false) == 1 }) {
      usleep(10000)
      left -= 1
    }
    for pid in pids { kill(-pid, SIGKILL) }
  }

  /// Ends all of them for an interrupt; no other starts from here on.
  static func endAll() {
    state.withLock { state in
      state.isOver = true
      end(state.running)
    }
  }
}
