// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Who is told of steps, in words that are escaped already.
package protocol StepSink: Sendable {
  var now: @Sendable () -> ContinuousClock.Instant { get }
  /// How often it wants to hear of a step that runs.
  var interval: Duration { get }
  func begin(_ title: String)
  func show(_ title: String, _ measure: StepMeasure, after time: Duration)
  func end(_ title: String, _ words: String?, after time: Duration)
  /// A line of its own between the steps.
  func note(_ line: String)
}

/// Where the lines of the steps go: a log, or a terminal whose last line is redrawn.
final class StepScreen: StepSink {
  /// The width of the terminal; nil for a log.
  private let columns: Int?
  private let write: @Sendable (String) -> Void
  let now: @Sendable () -> ContinuousClock.Instant
  /// Whether the last line of the terminal is unfinished.
  private let isDrawn = Mutex(false)

  init(
    columns: Int?, write: @escaping @Sendable (String) -> Void,
    now: @escaping @Sendable () -> ContinuousClock.Instant
  ) {
    self.columns = columns
    self.write = write
    self.now = now
  }

  /// How often a running step is shown: as the eye wants it, and seldom in a log.
  var interval: Duration { columns == nil ? .seconds(10) : .milliseconds(100) }

  func begin(_ title: String) {
    guard let columns else { return }
    draw(StepLine.begun(title, columns: columns))
  }

  func show(_ title: String, _ measure: StepMeasure, after time: Duration) {
    if let columns {
      draw(StepLine.running(title, measure, after: time, columns: columns))
    } else {
      note(StepLine.stillRunning(title, measure, after: time))
    }
  }

  func end(_ title: String, _ words: String?, after time: Duration) {
    note(StepLine.ended(title, words, after: time))
  }

  /// A whole line, above whatever is being redrawn.
  func note(_ line: String) {
    isDrawn.withLock { isDrawn in
      write((isDrawn ? "\r\u{1B}[K" : "") + line + "\n")
      isDrawn = false
    }
  }

  private func draw(_ line: String) {
    isDrawn.withLock { isDrawn in
      write("\r\u{1B}[K" + line)
      isDrawn = true
    }
  }
}
