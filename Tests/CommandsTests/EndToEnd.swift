// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

/// Tests that drive the built program on real disks, one after the other in each process of tests: `scripts/test` has two of them.
@Suite("End to end", .serialized, .enabled(if: canBootstrap, "needs root, or ids of the user in /etc/subuid"))
enum EndToEnd {
  /// The size of a disk that has room for a guest.
  static let roomy: UInt64 = 3 << 29

  /// A guest that the program created once: the tests copy it.
  struct Template: Sendable {
    let disk: String
    let swap: String
    /// Its dump, compressed as the host does.
    let dump: String
  }

  private static let made: Result<Template, any Error> = Result {
    try withScratch { scratch in
      // One for each of those processes.
      let folder = sharedCache + "/../test-guest/" + (inherited["GUESTSMITH_TEST_PART"] ?? "all")
      try shell("rm -rf '\(folder)' && mkdir -p '\(folder)'")
      let real = try shell("realpath '\(folder)'")
      let template = Template(disk: real + "/disk.img", swap: real + "/swap.img", dump: real + "/dump.gz")
      try makeSparseFile(template.disk, size: roomy)
      try makeSparseFile(template.swap, size: 64 << 20)
      let definition = try InstalledDefinition(in: scratch)
      try succeeded(definition.create("vm1.example.com", template.disk, template.swap))
      try succeeded(definition.export("vm1.example.com", template.disk, to: template.dump))
      return template
    }
  }

  static func template() throws -> Template { try made.get() }

  /// The folder in the shared cache of the image that the template was made from.
  static func imageOfTemplate() throws -> String {
    let release = try guestFile("/etc/guestsmith-release", on: template().disk) ?? ""
    let digest = release.split(separator: "\n").first { $0.hasPrefix("IMAGE=sha256:") }?.dropFirst(13) ?? "none"
    return try shell("dirname $(grep -l '\(digest)' '\(sharedCache)'/images/*/manifest.json)")
  }

  /// A cache of its own in `folder` with just that image.
  static func ownCache(in folder: String) throws -> String {
    let image = try imageOfTemplate()
    try shell("mkdir -p '\(folder)/images' && cp -a --sparse=always --reflink=auto '\(image)' '\(folder)/images'")
    return folder
  }

  /// A copy of the template's disk and swap, for a test to change.
  static func guest(in scratch: Scratch) throws -> Template {
    let template = try template()
    return Template(
      disk: try copyImage(template.disk, to: scratch("disk.img")),
      swap: try copyImage(template.swap, to: scratch("swap.img")), dump: template.dump)
  }

  /// Fails the test, and what follows in it makes no sense, when a program did not end well.
  static func succeeded(_ outcome: Outcome) throws {
    if outcome.status != 0 { throw Failure(.script, "\(outcome)") }
  }

  /// The files of a guest that tell it from another: import and rename write them too.
  static let identity: Set<String> = [
    "etc/hostname", "etc/hosts", "etc/mailname", "etc/fstab", "etc/machine-id", "etc/guestsmith-release",
    "etc/systemd/system/guestsmith-ssh-host-keys.service",
    "etc/systemd/system/multi-user.target.wants/guestsmith-ssh-host-keys.service",
  ]

  /// The files that create configures.
  static let configured = identity.union([
    "etc/default/locale", "etc/resolv.conf", "etc/shadow", "etc/systemd/network/10-guestsmith.network",
    "etc/systemd/system/dbus-org.freedesktop.network1.service",
    "etc/systemd/system/dbus-org.freedesktop.resolve1.service",
    "etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
    "etc/systemd/system/network-online.target.wants",
    "etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service",
    "etc/systemd/system/sockets.target.wants", "etc/systemd/system/sockets.target.wants/systemd-networkd.socket",
    "etc/issue.d", "etc/issue.d/60-guestsmith.issue", "etc/udev/rules.d/70-guestsmith-console.rules",
    "etc/udev/rules.d/70-guestsmith-network.rules",
  ])

  /// Expects the filesystem to be clean and to fill the disk, and the guest to agree with its name and its disks.
  static func expectGuest(
    _ name: String, on disk: String, swap: String, sourceLocation: SourceLocation = #_sourceLocation
  )
    throws
  {
    let label = String(name.prefix { $0 != "." })
    #expect(try problems(of: disk) == nil, sourceLocation: sourceLocation)
    #expect(try guestFile("/etc/hostname", on: disk) == label + "\n", sourceLocation: sourceLocation)
    #expect(try guestFile("/etc/mailname", on: disk) == name + "\n", sourceLocation: sourceLocation)
    let hosts = try #require(try guestFile("/etc/hosts", on: disk), sourceLocation: sourceLocation)
    #expect(hosts.contains("\(name) \(label)") || hosts.contains("\(name)\t\(label)"), sourceLocation: sourceLocation)
    let table = try #require(try guestFile("/etc/fstab", on: disk), sourceLocation: sourceLocation)
    for device in [disk, swap] {
      let identity = try #require(try tag("UUID", of: device), sourceLocation: sourceLocation)
      #expect(table.contains("UUID=" + identity), sourceLocation: sourceLocation)
    }
    #expect(try tag("TYPE", of: swap) == "swap", sourceLocation: sourceLocation)
    let blocks = try shell("dumpe2fs -h '\(disk)' 2>/dev/null | awk '/^Block count:/ { printf \"%.0f\", $3 * 4096 }'")
    let size = try shell("blockdev --getsize64 '\(disk)' 2>/dev/null || stat -L -c %s '\(disk)'")
    #expect(UInt64(blocks) == UInt64(size), sourceLocation: sourceLocation)
  }
}
