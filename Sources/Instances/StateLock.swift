// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Interface
internal import LinuxIO
internal import Report

/// One or several names that belong to this process for as long as this lives: nobody else changes what has them.
final class StateLock: Sendable {
  /// Of instances, of exports, or of disks that are adopted.
  let keys: [String]
  private let locks: [Held]

  private final class Held: Sendable {
    let lock: FileLock
    init(_ lock: consuming FileLock) { self.lock = lock }
    // Who comes now and finds it locked still is to wait.
    deinit { try? lock.note("") }
  }

  /// What those are told who come meanwhile.
  private static let recovering = "recovery"

  /// What holds them: a program that inherits these holds them too.
  var descriptors: [DescriptorView] { locks.map { $0.lock.view } }

  /// - Throws: `.busy` with who has one of them.
  init(_ keys: [String], in state: State, for operation: String) throws(Failure) {
    var locks: [Held] = []
    // In one order, although nobody waits for long: of two who want the same, one gets them all.
    let keys = Set(keys).sorted()
    for key in keys { locks.append(Held(try Self.take(key, in: state, for: operation))) }
    self.keys = keys
    self.locks = locks
  }

  private init(recovering lock: consuming FileLock, _ key: String) {
    keys = [key]
    locks = [Held(lock)]
  }

  /// The lock for cleaning up after a command that was killed; nil when somebody works on it.
  static func forRecovery(_ key: String, in state: State) -> StateLock? {
    guard let lock = try? FileLock.attempt("\(state.locks)/\(key)") else { return nil }
    try? lock.note(recovering)
    return StateLock(recovering: lock, key)
  }

  private static func take(_ key: String, in state: State, for operation: String) throws(Failure) -> FileLock {
    let path = "\(state.locks)/\(key)"
    for _ in 0..<patience {
      if let lock = try FileLock.attempt(path) {
        try lock.note("guestsmith \(operation) (process \(getpid()))")
        return lock
      }
      let note = FileLock.noted(in: path)
      if isAtWork(note) {
        throw Failure(
          .busy, "\(State.words(forLock: key)) is in use by \(Words.printable(note))",
          remedy: "wait until that has ended")
      }
      usleep(10_000)
    }
    throw Failure(
      .busy, "\(State.words(forLock: key)) is in use by another command", remedy: "wait until that has ended")
  }

  /// How long to wait for a holder who is about to let go, in hundredths of a second.
  private static let patience = 1000

  /// Whether the holder that is noted is one who works: not a recovery, which takes moments, not one who has let go, and
  /// not a process that is gone, whose children may live, and hold the lock, for moments longer.
  private static func isAtWork(_ note: String) -> Bool {
    guard let mark = note.firstRange(of: "(process "), let pid = Int32(note[mark.upperBound...].prefix { $0.isNumber })
    else {
      return false
    }
    return kill(pid, 0) == 0 || errno == EPERM
  }
}

extension State {
  /// Runs `body` while the names belong to this process, and with what killed commands had left of them gone.
  func locking<R>(
    _ keys: [String], for operation: String, steps: Steps, _ body: (StateLock) throws(Failure) -> R
  ) throws(Failure) -> R {
    try make()
    let lock = try StateLock(keys, in: self, for: operation)
    defer { withExtendedLifetime(lock) {} }
    try recover(holding: lock.keys, steps: steps)
    return try body(lock)
  }
}
