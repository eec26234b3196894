// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// How far one step is; may be advanced from any thread.
package final class StepProgress: Sendable {
  package enum Unit: Sendable, Equatable {
    case bytes
    case count(of: String)
  }

  private let title: String
  private let screen: StepScreen?
  private let state: Mutex<State>

  private struct State {
    var measure = StepMeasure()
    var detail: String?
    var start: ContinuousClock.Instant?
    var nextShow: ContinuousClock.Instant?
    var finished = false
  }

  /// A progress that is not shown.
  package convenience init() {
    self.init(title: "", screen: nil)
  }

  init(title: String, screen: StepScreen?) {
    self.title = title.escaped
    self.screen = screen
    var state = State()
    if let screen {
      let now = screen.now()
      state.start = now
      state.nextShow = now + screen.interval
      screen.begin(self.title)
    }
    self.state = Mutex(state)
  }

  /// The whole of the work, when it is known.
  package func expect(_ total: UInt64, _ unit: Unit = .bytes) {
    state.withLock {
      $0.measure.total = total
      $0.measure.unit = unit
    }
  }

  package func advance(by amount: UInt64) {
    state.withLock { state in
      state.measure.done = state.measure.done.saturatingAdding(amount)
      guard let screen, let start = state.start, let nextShow = state.nextShow, !state.finished else { return }
      // The screen is used under the lock, so that no thread draws over the line that ends the step.
      let now = screen.now()
      guard now >= nextShow else { return }
      state.nextShow = now + screen.interval
      screen.show(title, state.measure, after: now - start)
    }
  }

  /// Words behind the title when the step ends, such as "361 MiB in 17412 files".
  package func detail(_ words: String) {
    state.withLock { $0.detail = words.escaped }
  }

  func finish(failed: Bool) {
    state.withLock { state in
      state.finished = true
      guard let screen, let start = state.start else { return }
      let words = failed ? "failed" : state.detail ?? (state.measure.done > 0 ? state.measure.amount : nil)
      screen.end(title, words, after: screen.now() - start)
    }
  }
}
