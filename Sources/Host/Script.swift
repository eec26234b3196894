// SPDX-License-Identifier: Apache-2.0

/// The versions of the interface that there have been, but for those before 1.2.
package let knownVersions = [5, 10, 15, 20]

/// A script of the interface; its raw value is the name of its file.
package enum Script: String, Sendable {
  case create, `import`, export, rename
  /// From version 20 on.
  case verify

  /// Those that every version has.
  static let all = [create, `import`, export, rename]
}
