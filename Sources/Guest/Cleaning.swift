// SPDX-License-Identifier: Apache-2.0

/// What of its original's life a copy does without where that is asked for.
package enum Cleaning: String, CaseIterable, Sendable {
  case logs, logins, history, mail, caches, tmp, crashes
}
