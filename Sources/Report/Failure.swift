// SPDX-License-Identifier: Apache-2.0

/// The one error that guestsmith shows: what failed, on which thing, why, and what to do about it.
///
/// A message names the thing, the value found and what would be right; it starts in lower case, has no period at its
/// end and never holds the value of a secret.
package struct Failure: Error, Equatable, Sendable {
  /// What kind of failure it is. The raw value is the exit status of the program: this is the table of exit codes.
  package enum Code: Int32, CaseIterable, Sendable {
    /// Reading, writing or another operation of the system failed.
    case io = 1
    /// The command line is wrong.
    case usage = 2
    /// A name, a key of the configuration or a parameter is not valid.
    case invalid = 3
    /// A disk is missing, is not a disk, is too small or cannot be written.
    case device = 4
    /// A disk or an instance is in use.
    case busy = 5
    /// What is inside the guest is not what the operation needs.
    case guest = 6
    /// A dump is short, damaged or of an unknown form.
    case dump = 7
    /// A program that is needed is missing or failed.
    case tool = 8
    /// There is no room left.
    case space = 9
    /// A script of an OS definition failed, or a definition is not valid.
    case script = 10
  }

  package var code: Code
  package var message: String
  /// What the reader can do about it; a sentence without a period.
  package var remedy: String?
  /// What is behind it; nil where that changes nothing.
  package var cause: Cause?

  /// What is behind a failure, for code that must decide what to do about it.
  package enum Cause: Equatable, Sendable {
    /// A call of the system failed with this errno.
    case system(Int32)
    /// A part of a dump holds what no writer writes. The message does not say yet where that part lies.
    case unlocatedDamage
    /// A worker was ended by SIGKILL and not at a limit of its own, as the kernel does for want of memory.
    case killed
  }

  package init(_ code: Code, _ message: String, remedy: String? = nil, cause: Cause? = nil) {
    self.code = code
    self.message = message
    self.remedy = remedy
    self.cause = cause
  }

  /// The errno behind it; nil where no call of the system failed.
  package var errorNumber: Int32? { if case .system(let number) = cause { number } else { nil } }
}

extension Failure: CustomStringConvertible {
  package var description: String {
    remedy.map { "\(message)\n  \($0)" } ?? message
  }
}
