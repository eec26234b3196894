// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// How far one step is; may be advanced from any thread.
package final class StepProgress: Sendable {
  package enum Unit: Sendable, Equatable {
    case bytes
    case count(of: String)
  }

  private let title: String
  private let sink: (any StepSink)?
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
    self.init(title: "", sink: nil)
  }

  init(title: String, sink: (any StepSink)?) {
    self.title = title.escaped
    self.sink = sink
    var state = State()
    if let sink {
      let now = sink.now()
      state.start = now
      state.nextShow = now + sink.interval
      sink.begin(self.title)
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
    change { $0.done = $0.done.saturatingAdding(amount) }
  }

  /// How far it is, where it is done elsewhere.
  package func reach(_ measure: StepMeasure) {
    change { $0 = measure }
  }

  private func change(_ body: (inout StepMeasure) -> Void) {
    state.withLock { state in
      body(&state.measure)
      guard let sink, let start = state.start, let nextShow = state.nextShow, !state.finished else { return }
      // The sink is told under the lock, so that no thread draws over the line that ends the step.
      let now = sink.now()
      guard now >= nextShow else { return }
      state.nextShow = now + sink.interval
      sink.show(title, state.measure, after: now - start)
    }
  }

  /// Words behind the title when the step ends, such as "361 MiB in 17412 files".
  package func detail(_ words: String) {
    state.withLock { $0.detail = words.escaped }
  }

  func finish(failed: Bool) {
    let words = state.withLock { $0.detail ?? ($0.measure.done > 0 ? $0.measure.amount : nil) }
    end(failed ? "failed" : words)
  }

  /// Ends it, with words about it.
  package func end(_ words: String?) {
    state.withLock { state in
      state.finished = true
      guard let sink, let start = state.start else { return }
      sink.end(title, words?.escaped, after: sink.now() - start)
    }
  }
}
