// SPDX-License-Identifier: Apache-2.0
internal import Interface

/// The releases of Ganeti that judge a definition by the same rules, in the same words.
package struct Series: Sendable {
  /// `1.2.6`, `2.7 – 2.11`.
  package let name: String
  /// The versions of the interface that it speaks.
  package let versions: [Int]
  var python = Python.two
  /// Whether the file of the version holds one number and nothing else.
  package private(set) var wantsOneVersion = false
  /// Whether it finds a definition by a name of letters, digits, `_` and `-` only: so do the last of 1.2 and of 2.0.
  var masksNames = true
  /// From which version on it wants `variants.list`, with something in it.
  var variantsFrom: Int?
  /// From which version on it reads `variants.list` where there is one.
  var readsVariantsFrom: Int?
  /// Whether it passes over blank lines and comments in `variants.list`.
  var knowsComments = false
  /// From which version on it wants `verify` and `parameters.list`.
  var parametersFrom: Int?
  /// Whether `create_untrusted` may replace `create`.
  var knowsUntrusted = false

  /// Whether it speaks one version, and has the words of 1.2 for what is wrong.
  var speaksOneVersion: Bool { versions.count == 1 }

  /// From the sources of these releases: `_OSOndiskVersion` and `OSFromDisk` of lib/backend.py in 1.2 and 2.0,
  /// `_OSOndiskAPIVersion` and `_TryOSFromDisk` since.
  package static let all = [
    ganeti126,
    Series(name: "1.2.7 – 1.2.9", versions: [5]),
    Series(name: "2.0", versions: [10]),
    Series(name: "2.1", versions: [10, 15], variantsFrom: 15, readsVariantsFrom: 15),
    Series(
      name: "2.2 – 2.4", versions: [10, 15, 20], variantsFrom: 15, readsVariantsFrom: 15, parametersFrom: 20),
    Series(name: "2.5 – 2.6", versions: [10, 15, 20], readsVariantsFrom: 15, parametersFrom: 20),
    Series(
      name: "2.7 – 2.11", versions: [10, 15, 20], readsVariantsFrom: 15, knowsComments: true, parametersFrom: 20),
    Series(
      name: "2.12 – 2.17", versions: [10, 15, 20], readsVariantsFrom: 15, knowsComments: true, parametersFrom: 20,
      knowsUntrusted: true),
    ganeti3,
  ]

  static let ganeti126 = Series(name: "1.2.6", versions: [5], wantsOneVersion: true, masksNames: false)
  static let ganeti3 = Series(
    name: "3.0 – 3.1", versions: [10, 15, 20], python: .three, readsVariantsFrom: 15, knowsComments: true,
    parametersFrom: 20, knowsUntrusted: true)
}

/// What the releases of a series make of a definition.
package struct SeriesVerdict: Sendable, Equatable {
  package let series: String
  /// The version in which they would call it; nil where they speak none that it declares.
  package let version: Int?
  /// In their words; nil where they accept it.
  package let fault: String?
}
