// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

/// Standard input, output and error. A host may call a program with one of them closed: the first file that is opened
/// would then get its number, and what is said to standard error would be written to a guest's disk.
package enum StandardStream: Int32, Sendable {
  case input = 0
  case output, error

  private static let closed = clinux_hold_standard_descriptors()

  /// Has /dev/null in the place of those that are closed. To be called before any file is opened.
  package static func holdAll() {
    // Nothing is safe to be opened then, and there may be nowhere to say so.
    if closed < 0 { _exit(Failure.Code.io.rawValue) }
  }

  /// A descriptor of its own for the stream.
  ///
  /// - Throws: `.usage` where the caller has closed it.
  package func open() throws(Failure) -> Descriptor {
    guard Self.closed & 1 << rawValue == 0 else {
      throw Failure(
        .usage, "\(name) is closed", remedy: "give \(self == .input ? "the input" : "the output") a file or a pipe")
    }
    let copy = dup(rawValue)
    guard copy >= 0 else { throw .system("use", name) }
    return Descriptor(owning: copy, name: name)
  }

  private var name: String {
    switch self {
    case .input: "standard input"
    case .output: "standard output"
    case .error: "standard error"
    }
  }
}

extension Descriptor {
  package var isTerminal: Bool { isatty(raw) == 1 }
}
