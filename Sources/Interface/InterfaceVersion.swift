// SPDX-License-Identifier: Apache-2.0

/// The versions of the guest OS interface, but for those before Ganeti 1.2.
package enum InterfaceVersion {
  /// In version 5 the scripts get arguments, in the later ones variables.
  package static let all = [5, 10, 15, 20]
  package static let byArguments = 5
  package static let byEnvironment = [10, 15, 20]
  /// From this version on a definition may offer variants.
  package static let firstWithVariants = 15
  /// From this version on a definition has parameters, and a `verify` that checks them.
  package static let firstWithParameters = 20
}
