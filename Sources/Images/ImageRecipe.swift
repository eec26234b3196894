// SPDX-License-Identifier: Apache-2.0
internal import Digest
package import Ext4
internal import Guest
package import Report

/// All that an image is made from. Two recipes that differ in anything make different images, under different keys.
package struct ImageRecipe: Equatable, Sendable {
  /// To be raised when what is made from the same recipe changes: how the filesystem is laid out, what is installed or
  /// removed besides the packages, or how the cache keeps it.
  package static let format = 3

  package let suite: String
  package let architecture: String
  package let sources: AptSources
  /// Whether the sources are this machine's own.
  let isFromMachine: Bool
  /// How apt on this machine reaches them.
  let apt: AptConfiguration
  /// What the guest gets of it, unless the archives say that some of the sources are of another release.
  let guest: GuestApt
  /// Everything that is asked for by name, sorted; what these depend on comes with them.
  package let packages: [String]
  package let filesystem: FilesystemOptions
  let debconf: DebconfAnswers
  let buildHook: BuildHook?
  /// By which packages a disk of the guest boots by itself; nil: it does not.
  let bootLoader: BootLoaderPackages?
  package var isBootable: Bool { bootLoader != nil }

  /// Resolves what the request leaves to this machine.
  ///
  /// - Throws: `.invalid` when this machine lacks a source for the release, or a name is not valid.
  package init(_ request: ImageRequest) throws(Failure) {
    try self.init(request, .ofThisMachine())
  }

  /// - Parameter root: where the machine's `/etc/os-release` is.
  init(_ request: ImageRequest, _ apt: AptConfiguration, root: String = "") throws(Failure) {
    let (suite, sources) = try AptSources.resolve(
      suite: request.suite, mirror: request.mirror, pockets: request.pockets, keyring: request.keyring,
      components: request.components, configuration: apt, root: root)
    // What becomes an argument of mmdebstrap and of apt must not be taken for an option or a list.
    let kernel = request.kernel.map { [$0] } ?? []
    let names = [("suite", suite)] + kernel.map { ("kernel", $0) } + request.packages.map { ("package", $0) }
    for (what, name) in names {
      guard Self.isName(name) else {
        throw Failure(
          .invalid, "\"\(name)\" is not a name of a \(what)",
          remedy: "a name has letters, digits and + - . : only and begins with a letter or a digit")
      }
    }
    self.suite = suite
    self.sources = sources
    self.apt = apt
    isFromMachine = request.mirror == nil
    architecture = Release.architecture
    bootLoader = request.isBootable ? try BootLoaderPackages(suite: suite, architecture: architecture) : nil
    let needed = GuestPackages.needed(suite: suite, named: request.packages)
    let base = Bootstrap.basePackages + needed + (bootLoader?.names ?? [])
    packages = Set(base + kernel + request.packages).sorted()
    debconf = try DebconfAnswers(request.debconf)
    buildHook = try request.buildHook.map { path throws(Failure) in try BuildHook(path) }
    filesystem = request.filesystem.readable(bySuite: suite).ofImage
    guest = GuestApt(sources, isMachines: isFromMachine, configuration: apt, packages: packages)
  }

  /// The same from sources about which the archives have been asked.
  func guest(with sources: AptSources) -> GuestApt {
    GuestApt(sources, isMachines: isFromMachine, configuration: apt, packages: packages)
  }

  /// Whether what builds it knows a password.
  var hasCredentials: Bool { sources.hasCredentials || apt.hasCredentials }

  /// The SHA-256 of the recipe's text: 64 hexadecimal digits, the name of the image in the cache.
  package var key: String { SHA256.hex(of: Array(text.utf8)) }

  /// What the key is the digest of: a line for each thing. Credentials are left out: they do not change what is
  /// fetched.
  var text: String {
    """
    format \(Self.format)
    suite \(suite)
    architecture \(architecture)
    packages \(packages.joined(separator: " "))
    filesystem \(([filesystem.kind.rawValue] + filesystem.omitted.sorted().map { "^" + $0.rawValue }).joined(separator: ","))
    block-size \(filesystem.blockSize)
    inode-ratio \(filesystem.inodeRatio)\(bootLoader == nil ? "" : "\nboots by itself")\(siteText)
    sources
    \(sources.withoutCredentials.text)
    guest
    \(guest.files.map { "\($0.path) \(SHA256.hex(of: $0.bytes))" }.joined(separator: "\n"))
    """
  }

  /// Of what the site has said; what it has not makes no other key.
  private var siteText: String {
    (debconf.isEmpty ? "" : "\ndebconf without passwords \(debconf.digest)")
      + (buildHook.map { "\nbuild-hook \($0.digest)" } ?? "")
  }

  private static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, isAlphanumeric(first), name.utf8.count <= 255 else { return false }
    return name.utf8.allSatisfy { isAlphanumeric($0) || "+-.:".utf8.contains($0) }
  }
}
