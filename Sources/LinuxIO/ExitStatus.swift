// SPDX-License-Identifier: Apache-2.0

/// How a child ended.
package enum ExitStatus: Sendable, Equatable {
  /// By itself, with its exit status (0 to 255).
  case exited(Int32)
  /// By a signal, with its number.
  case signalled(Int32)
  /// At one of its limits, with the words for that.
  case stopped(String)

  package var isSuccess: Bool { self == .exited(0) }
}

extension ExitStatus: CustomStringConvertible {
  /// As it stands behind "PROGRAM " in a message: `ended with exit status 3`, `was ended by signal 9`,
  /// `was stopped, since it took 60 s`.
  package var description: String {
    switch self {
    case .exited(let code): "ended with exit status \(code)"
    case .signalled(let number): "was ended by signal \(number)"
    case .stopped(let limit): "was stopped, since \(limit)"
    }
  }
}
