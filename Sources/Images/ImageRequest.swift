// SPDX-License-Identifier: Apache-2.0
package import Ext4

/// Which image is wanted, in the words of the configuration.
package struct ImageRequest: Equatable, Sendable {
  /// The codename of a release; nil is this machine's own.
  package var suite: String?
  /// A URI; nil is what apt on this machine uses.
  package var mirror: String?
  /// More suites of the mirror, by what their names have behind the release's and a hyphen.
  package var pockets: [String]
  /// A file with the keys that sign the mirror; nil is what apt on this machine trusts.
  package var keyring: String?
  /// Parts of the archive such as `main`; nil is what apt on this machine uses.
  package var components: [String]?
  /// Packages besides `Bootstrap.basePackages` and the kernel.
  package var packages: [String]
  /// nil: the guest has none.
  package var kernel: String?
  package var filesystem: FilesystemOptions
  /// Answers for debconf: lines, and paths of files with lines.
  package var debconf: [String] = []
  /// The path of a program that changes the tree.
  package var buildHook: String?
  /// The guest's disk boots by itself, by boot loaders of its own packages.
  package var isBootable = false

  package init(
    suite: String? = nil, mirror: String? = nil, pockets: [String] = [], keyring: String? = nil,
    components: [String]? = nil,
    packages: [String] = [], kernel: String? = nil,
    filesystem: FilesystemOptions = FilesystemOptions()
  ) {
    self.suite = suite
    self.mirror = mirror
    self.pockets = pockets
    self.keyring = keyring
    self.components = components
    self.packages = packages
    self.kernel = kernel
    self.filesystem = filesystem
  }
}
