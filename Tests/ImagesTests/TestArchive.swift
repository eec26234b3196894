// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport

@testable import Images

/// An archive of packages that are only described: apt's lists need no more.
struct TestArchive {
  let folder: String
  private let scratch: TestSupport.Scratch
  private let name: String

  init(in scratch: TestSupport.Scratch, _ name: String = "archive") throws {
    self.scratch = scratch
    self.name = name
    folder = try scratch.folder(name)
  }

  /// Adds a suite that is signed by `key`, or by nobody.
  func add(
    _ path: String, suite: String = "stable", codename: String = "bookworm", packages: [String] = ["base"],
    key: TestKey? = nil
  ) throws {
    let lists = packages.map { name in
      """
      Package: \(name)
      Version: 1.0
      Architecture: all
      Essential: \(name == "base" ? "yes" : "no")
      Maintainer: a test <test@example.com>
      Installed-Size: 1024
      Filename: pool/\(name)_1.0_all.deb
      Size: 1000
      SHA256: \(String(repeating: "0", count: 64))
      Description: a test


      """
    }.joined()
    let isFlat = path.hasSuffix("/")
    let place = isFlat ? "\(name)/\(path)" : "\(name)/dists/\(path)/"
    let list = isFlat ? "Packages" : "main/binary-\(Release.architecture)/Packages"
    let file = try scratch.write(lists, to: place + list)
    let digest = try shell("sha256sum '\(file)'").prefix(64)
    try scratch.write(
      """
      Origin: Test
      Suite: \(suite)
      Codename: \(codename)
      Components: main
      Architectures: \(Release.architecture)
      Date: \(try shell("LC_ALL=C date -Ru"))
      SHA256:
       \(digest) \(lists.utf8.count) \(list)

      """, to: place + "Release")
    try key?.sign(scratch(place + "Release"), as: scratch(place + "InRelease"))
  }

  /// Serves it until the server is dropped.
  func serve(login: String? = nil, tls: TestAuthority? = nil) throws -> TestServer {
    try TestServer(of: folder, in: scratch, login: login, tls: tls)
  }
}

/// A key that signs archives.
struct TestKey {
  private let home: String
  /// The public key, as text and as the file of a keyring.
  let armored: String
  let file: String
  let fingerprint: String

  init(in scratch: TestSupport.Scratch, _ name: String) throws {
    // gpg-agent's socket does not fit in a long path.
    home = try shell("mktemp -d /tmp/guestsmith-gpg-XXXXXX")
    let gpg = "gpg --homedir '\(home)' --batch --quiet --no-tty"
    try shell("\(gpg) --passphrase '' --quick-generate-key '\(name) <\(name)@example.com>' ed25519 sign never 2>&1")
    armored = try shell("\(gpg) --armor --export")
    file = try scratch.write("", to: "\(name).gpg")
    try shell("\(gpg) --export > '\(file)'")
    fingerprint = try shell("\(gpg) --with-colons --list-keys | awk -F: '/^fpr/ { print $10; exit }'")
  }

  func sign(_ file: String, as signed: String) throws {
    try shell("gpg --homedir '\(home)' --batch --quiet --yes --clear-sign --output '\(signed)' '\(file)' 2>&1")
  }

  /// The key as `Signed-By` holds it.
  var field: String {
    "\n"
      + armored.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? " ." : " \($0)" }
      .joined(separator: "\n")
  }

  func remove() {
    _ = try? shell("gpgconf --homedir '\(home)' --kill all; rm -rf '\(home)'")
  }
}

/// The configuration of a machine whose `/etc/apt` is in a test's folder.
func aptOfTest(_ scratch: TestSupport.Scratch, _ more: String = "") throws -> AptConfiguration {
  for folder in [
    "etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial",
  ] {
    try scratch.folder("machine/\(folder)")
  }
  let text = """
    Dir "\(scratch("machine"))";
    Dir::State::status "/dev/null";
    APT::Sandbox::User "root";
    Acquire::Languages "none";

    """
  return try .ofThisMachine(["APT_CONFIG": scratch.write(text + more, to: "machine/apt.conf")])
}
