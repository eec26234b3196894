// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// What is told while the work goes on: one line a step, with its time; on a terminal a bar while it runs.
///
/// Everything goes to standard error: standard output is data.
package final class Steps: Sendable {
  package enum Style: Sendable {
    /// Nothing but failures.
    case quiet
    /// A line when a step ends: for logs.
    case plain
    /// A line that is redrawn while a step runs.
    case terminal(columns: Int)
  }

  package let style: Style

  package init(_ style: Style) {
    self.style = style
  }

  /// Runs one step of the work and tells how long it took.
  package func step<T>(_ title: String, _ body: (StepProgress) throws -> T) rethrows -> T {
    try body(StepProgress())
  }

  /// A line of its own between the steps.
  package func note(_ line: String) {}
}

/// How far one step is; may be advanced from any thread.
package final class StepProgress: Sendable {
  package enum Unit: Sendable {
    case bytes
    case count(of: String)
  }

  package init() {}

  /// The whole of the work, when it is known.
  package func expect(_ total: UInt64, _ unit: Unit = .bytes) {}

  package func advance(by amount: UInt64) {}

  /// Words behind the title when the step ends, such as "361 MiB in 17412 files".
  package func detail(_ words: String) {}
}
