// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The switch by which every program that is started is shown first: `GUESTSMITH_DEBUG` in the environment, from where the
/// children of this program have it too.
package enum Debugging {
  private static let variable = "GUESTSMITH_DEBUG"

  /// Whether it is on: set to something other than 0.
  package static let isOn = getenv(variable).map { value in value[0] != 0 && strcmp(value, "0") != 0 } ?? false

  /// Turns it on. To be called before anything has asked, and before there is another thread.
  package static func turnOn() { setenv(variable, "1", 1) }

  /// Shows a command line as `sh -x` does.
  package static func show(_ line: String) {
    StandardError.write("+ \(line)\n")
  }
}
