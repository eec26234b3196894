// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Glibc
internal import LinuxIO
internal import Report

/// The one place where an error becomes words and an exit status: those of `Failure.Code`, 2 for a wrong command line.
enum Exit {
  /// Runs `body` and ends the process.
  static func after(_ body: () throws -> Void) -> Never {
    var status: Int32 = 0
    do {
      try body()
    } catch {
      status = tell(error)
    }
    // An interrupt that is under way ends the process in its own way.
    Interrupts.holdIfInterrupted()
    exit(status)
  }

  /// Tells an error: help goes to standard output, all else to standard error. Returns the exit status.
  static func tell(_ error: any Error) -> Int32 {
    Interrupts.holdIfInterrupted()
    if let failure = error as? Failure {
      write(lines(of: failure), to: STDERR_FILENO)
      return failure.code.rawValue
    }
    if let code = error as? ExitCode { return code.rawValue }
    let message = Guestsmith.fullMessage(for: error)
    if Guestsmith.exitCode(for: error).isSuccess {
      do throws(Failure) {
        try writeText(message + "\n")
        return 0
      } catch {
        return tell(error)
      }
    }
    let words = message.hasPrefix("Error: ") ? String(message.dropFirst("Error: ".count)) : message
    write(escapedLines("guestsmith: \(words)"), to: STDERR_FILENO)
    return Failure.Code.usage.rawValue
  }

  /// `guestsmith: what failed`, and the remedy on the next line: the last lines are the whole diagnosis.
  static func lines(of failure: Failure) -> String {
    // What goes on is indented: no name with a newline in it looks like another failure.
    let lines = failure.message.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
      $0 == 0 || $1.isEmpty || $1.hasPrefix(" ") ? String($1) : "  \($1)"
    }
    let message = "guestsmith: " + lines.joined(separator: "\n")
    return escapedLines(message + (failure.remedy.map { "\n  \($0)" } ?? ""))
  }

  private static func escapedLines(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { "\(String($0).escaped)\n" }.joined()
  }

  private static func write(_ text: String, to raw: Int32) {
    // If even the error cannot be written, there is nothing left to do.
    try? Descriptor(owning: dup(raw), name: "the terminal").writeAll(Array(text.utf8))
  }
}
