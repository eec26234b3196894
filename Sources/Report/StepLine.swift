// SPDX-License-Identifier: Apache-2.0

/// How much of a step is done, of how much, in which unit.
package struct StepMeasure: Sendable, Equatable {
  package var unit: StepProgress.Unit
  package var done: UInt64
  package var total: UInt64?

  package init(unit: StepProgress.Unit = .bytes, done: UInt64 = 0, total: UInt64? = nil) {
    self.unit = unit
    self.done = done
    self.total = total
  }

  /// What is done, in words: `361 MiB`, `17412 files`.
  var amount: String { spelled(done) }

  func spelled(_ value: UInt64) -> String {
    switch unit {
    case .bytes: Words.bytes(value)
    case .count(let name): "\(value) \(name)"
    }
  }

  /// 0 to 1; nil while the whole is not known.
  var fraction: Double? {
    guard let total, total > 0 else { return nil }
    return min(1, Double(done) / Double(total))
  }

  /// What the whole will still take at the mean rate so far; nil before it can be told.
  func timeLeft(after time: Duration) -> Duration? {
    guard let fraction, fraction > 0, time >= .milliseconds(500) else { return nil }
    let seconds = Words.seconds(time) * (1 - fraction) / fraction
    // A worker that a guest has taken over tells any number.
    return seconds < 1e9 ? .seconds(seconds) : nil
  }

  func rate(after time: Duration) -> String? {
    unit == .bytes ? Words.rate(bytes: done, in: time) : nil
  }
}

/// The lines of a step: pure text, at most as wide as the terminal.
enum StepLine {
  private static let timeWidth = 8
  private static let barWidth = 24

  /// `  0.42 s  copy used blocks: 361 MiB`
  static func ended(_ title: String, _ words: String?, after time: Duration) -> String {
    let time = Words.duration(time)
    let padding = String(repeating: " ", count: max(0, timeWidth - time.count))
    return "\(padding)\(time)  \(title)" + (words.map { ": \($0)" } ?? "")
  }

  /// `  10.0 s  copy used blocks: 42 %, 512 MiB of 1.2 GiB, 51 MiB/s, 14 s left`
  static func stillRunning(_ title: String, _ measure: StepMeasure, after time: Duration) -> String {
    var words: [String] = []
    if let fraction = measure.fraction, let total = measure.total {
      words = [percent(fraction), "\(measure.amount) of \(measure.spelled(total))"]
    } else {
      words = [measure.amount]
    }
    if let rate = measure.rate(after: time) { words.append(rate) }
    if let left = measure.timeLeft(after: time) { words.append("\(Words.timeLeft(left)) left") }
    return ended(title, words.joined(separator: ", "), after: time)
  }

  static func begun(_ title: String, columns: Int) -> String {
    fit("  \(title) …", columns)
  }

  /// `  copy used blocks  [==========>-------------]  42 %  512 MiB  51 MiB/s  14 s left`
  ///
  /// On a narrow terminal the bar goes first, then the end of the line.
  static func running(_ title: String, _ measure: StepMeasure, after time: Duration, columns: Int) -> String {
    var words: [String] = []
    if let fraction = measure.fraction { words.append(percent(fraction)) }
    words.append(measure.amount)
    if let rate = measure.rate(after: time) { words.append(rate) }
    if let left = measure.timeLeft(after: time) { words.append("\(Words.timeLeft(left)) left") }
    let tail = words.joined(separator: "  ")
    let short = "  \(title)  \(tail)"
    guard let fraction = measure.fraction, short.count + barWidth + 4 < columns else { return fit(short, columns) }
    return "  \(title)  [\(bar(fraction))]  \(tail)"
  }

  private static func bar(_ fraction: Double) -> String {
    let filled = Int(fraction * Double(barWidth))
    guard filled < barWidth else { return String(repeating: "=", count: barWidth) }
    return String(repeating: "=", count: filled) + ">" + String(repeating: "-", count: barWidth - filled - 1)
  }

  /// Rounded down: 100 % is said when all is done, not before.
  private static func percent(_ fraction: Double) -> String {
    "\(Int(fraction * 100)) %"
  }

  /// One column stays free: a full line would wrap on some terminals.
  private static func fit(_ line: String, _ columns: Int) -> String {
    let width = max(1, columns - 1)
    return line.count <= width ? line : String(line.prefix(max(0, width - 1))) + "…"
  }
}
