// SPDX-License-Identifier: Apache-2.0

/// The releases of Ganeti that judge a definition by the same rules.
struct Series: Sendable {
  /// `1.2.6`, `2.7 – 2.11`.
  let name: String
  /// The versions of the interface that it speaks.
  let versions: [Int]
  /// Whether the file of the version holds one number and nothing else.
  var wantsOneVersion = false
  /// From which version on it wants `variants.list`, with something in it.
  var variantsFrom: Int?
  /// From which version on it reads `variants.list` where there is one.
  var readsVariantsFrom: Int?
  /// Whether blank lines and comments in `variants.list` are none of the variants.
  var knowsComments = false
  /// From which version on it wants `verify` and `parameters.list`.
  var parametersFrom: Int?
  /// Whether `create_untrusted` does in the place of `create`.
  var knowsUntrusted = false

  var isFirst: Bool { versions == [5] }

  /// From the sources of these releases: `_TryOSFromDisk` of lib/backend.py, `_OSFromDisk` in 1.2.
  static let all = [
    Series(name: "1.2.6", versions: [5], wantsOneVersion: true),
    Series(name: "1.2.7 – 1.2.9", versions: [5]),
    Series(name: "2.0", versions: [10]),
    Series(name: "2.1", versions: [10, 15], variantsFrom: 15, readsVariantsFrom: 15),
    Series(
      name: "2.2 – 2.4", versions: [10, 15, 20], variantsFrom: 15, readsVariantsFrom: 15, parametersFrom: 20),
    Series(name: "2.5 – 2.6", versions: [10, 15, 20], readsVariantsFrom: 15, parametersFrom: 20),
    Series(
      name: "2.7 – 2.11", versions: [10, 15, 20], readsVariantsFrom: 15, knowsComments: true, parametersFrom: 20),
    Series(
      name: "2.12 – 3.1", versions: [10, 15, 20], readsVariantsFrom: 15, knowsComments: true, parametersFrom: 20,
      knowsUntrusted: true),
  ]
}

/// What the releases of a series make of a definition.
package struct SeriesVerdict: Sendable, Equatable {
  package let series: String
  /// The version in which they would call it; nil where there is none.
  package let version: Int?
  /// In their words; nil where they accept it.
  package let fault: String?
}
