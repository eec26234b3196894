// SPDX-License-Identifier: Apache-2.0

/// What one check came to, and the lines that show it.
struct CheckResult {
  var outcome: Finding.Outcome
  var evidence: [String]

  static func pass(_ evidence: [String] = []) -> Self { Self(outcome: .pass, evidence: evidence) }

  static func fail(_ words: String, _ evidence: [String] = []) -> Self {
    Self(outcome: .fail(words), evidence: evidence)
  }

  static func notApplicable(_ reason: String, _ evidence: [String] = []) -> Self {
    Self(outcome: .notApplicable(reason), evidence: evidence)
  }

  /// Passes where `condition` holds, else fails with `words`.
  static func require(_ condition: Bool, _ words: @autoclosure () -> String, _ evidence: [String]) -> Self {
    condition ? .pass(evidence) : .fail(words(), evidence)
  }

  /// Passes where there are no problems, with `evidence`; else fails with the first of them.
  static func clean(_ problems: [String]?, _ evidence: [String]) -> Self {
    problems.map { .fail($0.first ?? "it has problems", $0) } ?? .pass(evidence)
  }
}

/// What one stage of a trial made for the later ones, or why it made nothing: the checks that need it then do not apply,
/// for that reason.
enum Made<Value> {
  case made(Value)
  case missing(because: String)

  func flatMap<Other>(_ next: (Value) -> Made<Other>) -> Made<Other> {
    switch self {
    case .made(let value): next(value)
    case .missing(let reason): .missing(because: reason)
    }
  }

  /// Both; the reason is that of the first that is missing.
  func and<Other>(_ other: Made<Other>) -> Made<(Value, Other)> {
    flatMap { value in other.flatMap { .made((value, $0)) } }
  }
}
