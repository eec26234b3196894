// SPDX-License-Identifier: Apache-2.0
internal import Report
internal import Synchronization

/// Steps that are parts of a longer one, each of so many bytes of it: their progress is progress of that, and nothing else is
/// shown of them. How far a part is, it tells in another measure: its fraction counts.
final class PartOfStep: StepSink {
  private struct Place {
    /// Bytes of the whole before the part that runs.
    var start: UInt64
    /// Of the parts that are not over.
    var lengths: [UInt64]
  }

  private let whole: StepProgress
  private let total: UInt64
  private let place: Mutex<Place>

  init(_ whole: StepProgress, of total: UInt64, from start: UInt64, lengths: [UInt64]) {
    self.whole = whole
    self.total = total
    place = Mutex(Place(start: start, lengths: lengths))
  }

  let now: @Sendable () -> ContinuousClock.Instant = { .now }
  let interval = Duration.milliseconds(100)

  /// A part is over, whatever was shown of it.
  func passOne() {
    let done = place.withLock { place in
      if !place.lengths.isEmpty { place.start = place.start.saturatingAdding(place.lengths.removeFirst()) }
      return place.start
    }
    whole.reach(StepMeasure(done: done, total: total))
  }

  func show(_ title: String, _ measure: StepMeasure, after time: Duration) {
    let fraction = measure.total.map { $0 > 0 ? min(1, Double(measure.done) / Double($0)) : 0 } ?? 0
    let done = place.withLock { $0.start.saturatingAdding(UInt64(fraction * Double($0.lengths.first ?? 0))) }
    whole.reach(StepMeasure(done: done, total: total))
  }

  func begin(_ title: String) {}
  func end(_ title: String, _ words: String?, after time: Duration) {}
  func note(_ line: String) {}
}
