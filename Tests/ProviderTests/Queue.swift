// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Values that are handed out one after another, to whatever thread asks.
final class Queue<Value: Sendable>: Sendable {
  private let values: Mutex<ArraySlice<Value>>

  init(_ values: [Value]) {
    self.values = Mutex(values[...])
  }

  /// Nil when all have gone.
  func next() -> Value? { values.withLock { $0.popFirst() } }
}

/// Lines that steps have written.
final class Lines: Sendable {
  private let text = Mutex("")

  func write(_ line: String) { text.withLock { $0 += line } }

  var all: String { text.withLock { $0 } }
}
