// SPDX-License-Identifier: Apache-2.0

/// The progress of the work: one line a step, with its time; on a terminal a bar while it runs.
///
/// Everything goes to standard error: standard output is data.
package final class Steps: Sendable {
  package enum Style: Sendable {
    /// Nothing; failures are the caller's to show.
    case quiet
    /// A line when a step ends, and one each ten seconds of a long step: for logs.
    case plain
    /// A line that is redrawn while a step runs.
    case terminal(columns: Int)
  }

  private let sink: (any StepSink)?

  package convenience init(_ style: Style) {
    self.init(style, write: StandardError.write) { ContinuousClock.now }
  }

  /// Writes to `write` by the clock `now`.
  package init(
    _ style: Style, write: @escaping @Sendable (String) -> Void,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
  ) {
    sink =
      switch style {
      case .quiet: nil
      case .plain: StepScreen(columns: nil, write: write, now: now)
      case .terminal(let columns): StepScreen(columns: columns, write: write, now: now)
      }
  }

  /// Shows them to whoever else shows steps, or hands them on.
  package init(to sink: any StepSink) {
    self.sink = sink
  }

  /// Steps as standard error can show them: redrawn on a terminal, plain lines elsewhere, and where command lines stand
  /// between them.
  package static func forStandardError(quiet: Bool) -> Steps {
    if quiet { return Steps(.quiet) }
    if Debugging.isOn { return Steps(.plain) }
    return Steps(StandardError.columns().map { .terminal(columns: $0) } ?? .plain)
  }

  /// Runs one step of the work and shows how long it took.
  package func step<T, E: Error>(_ title: String, _ body: (StepProgress) throws(E) -> T) throws(E) -> T {
    let progress = begin(title)
    do throws(E) {
      let result = try body(progress)
      progress.finish(failed: false)
      return result
    } catch {
      progress.finish(failed: true)
      throw error
    }
  }

  /// Begins a step that is done elsewhere: whoever hears how far it is tells it.
  package func begin(_ title: String) -> StepProgress {
    StepProgress(title: title, sink: sink)
  }

  /// A line of its own between the steps.
  package func note(_ line: String) {
    sink?.note(line.escaped)
  }
}
