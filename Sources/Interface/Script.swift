// SPDX-License-Identifier: Apache-2.0

/// A script of an OS definition; the raw value is the name of its file.
package enum Script: String, CaseIterable, Sendable {
  case create, `import`, export, rename
  /// Checks parameters; there is no instance yet.
  case verify

  /// The scripts that a version of the interface calls.
  package static func called(in version: Int) -> [Script] {
    allCases.filter { $0 != .verify || version >= InterfaceVersion.firstWithParameters }
  }
}
