// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report

/// /bin/sh, by which Ganeti 1.2.6 calls the scripts of a definition.
package enum SystemShell {
  /// Whether it takes `&>` for a redirection of both outputs, as bash does. For POSIX it ends a command that is to run
  /// in the background, and a redirection of nothing follows.
  package static var redirectsBothOutputs: Bool {
    guard let told = try? Command("/bin/sh", ["-c", "echo told &>/dev/null"]).capture(limit: 16) else { return false }
    return told.status.isSuccess && told.output.isEmpty
  }
}
