// SPDX-License-Identifier: Apache-2.0

/// The names of the files of an OS definition beside its scripts.
package enum DefinitionFile {
  /// The versions of the interface that the definition speaks, one a line.
  package static let version = "ganeti_api_version"
  /// The variants that it offers, one a line.
  package static let variants = "variants.list"
  /// Its parameters: a line with the name and a help text each.
  package static let parameters = "parameters.list"
  /// Takes the place of `create`; hosts run it in a virtual machine.
  package static let untrustedCreate = "create_untrusted"
}
