// SPDX-License-Identifier: Apache-2.0
internal import Report

/// systemd-networkd in a guest: it is enabled, and systemd-resolved with it.
enum Networkd {
  static func enable(in guest: some GuestFiles) throws(Failure) {
    guard try guest.kind("/lib/systemd/systemd-networkd") != nil else {
      throw Failure(
        .guest, "the guest lacks systemd-networkd, which would configure its network",
        remedy: "install a system that has the package systemd")
    }
    try enable("systemd-networkd.service", in: "multi-user.target.wants", of: guest)
    try enable("systemd-networkd.socket", in: "sockets.target.wants", of: guest)
    // Waits for the network only where something else in the guest wants to.
    try enable("systemd-networkd-wait-online.service", in: "network-online.target.wants", of: guest)
    try guest.link(
      "/etc/systemd/system/dbus-org.freedesktop.network1.service", to: "/lib/systemd/system/systemd-networkd.service")
  }

  /// The name servers of a lease reach `/etc/resolv.conf` by systemd-resolved; without it only fixed ones can be there.
  static func enableResolver(in guest: some GuestFiles) throws(Failure) {
    guard try hasResolverProgram(guest) else { return }
    if try guest.kind("/etc/systemd/system/sysinit.target.wants/systemd-resolved.service") == nil {
      try enable("systemd-resolved.service", in: "multi-user.target.wants", of: guest)
    }
    try guest.link(
      "/etc/systemd/system/dbus-org.freedesktop.resolve1.service", to: "/lib/systemd/system/systemd-resolved.service")
    try guest.link(NetworkRenderer.resolverPath, to: "../run/systemd/resolve/stub-resolv.conf")
  }

  static func hasResolverProgram(_ guest: some GuestFiles) throws(Failure) -> Bool { try guest.kind(resolver) != nil }

  /// The program of systemd-resolved.
  private static let resolver: ByteString = "/lib/systemd/systemd-resolved"

  /// Whether systemd-resolved is there and starts: Debian until 11 has it with systemd, and leaves it off.
  static func hasResolver(_ guest: some GuestFiles) throws(Failure) -> Bool {
    guard try hasResolverProgram(guest) else { return false }
    return try InstalledServices(guest).starts("systemd-resolved")
  }

  /// Name servers for systemd-resolved itself, whatever the interface: the script by which Debian 12 hands it those of
  /// ifupdown sets words instead of their values.
  static func resolverFiles(for network: GuestNetwork) -> [NetworkRenderer.File] {
    if network.nameservers.isEmpty && network.searchDomains.isEmpty { return [] }
    var lines = ["\(NetworkRenderer.mark). Your own settings belong into files beside this one.", "[Resolve]"]
    if !network.nameservers.isEmpty { lines.append("DNS=\(network.nameservers.joined(separator: " "))") }
    if !network.searchDomains.isEmpty { lines.append("Domains=\(network.searchDomains.joined(separator: " "))") }
    return [NetworkRenderer.File("/etc/systemd/resolved.conf.d/60-guestsmith.conf", lines)]
  }

  /// Whether its systemd compares `PermanentMACAddress=`, as it does since version 245: its library has the version in its
  /// name (`libsystemd-shared-252.so`).
  static func knowsPermanentAddress(_ guest: some GuestFiles) throws(Failure) -> Bool {
    for folder: ByteString in ["/lib/systemd", "/usr/lib/systemd"] {
      for name in try guest.list(folder) where name.hasPrefix("libsystemd-shared-") {
        let digits = name.bytes.dropFirst("libsystemd-shared-".utf8.count).prefix { (0x30...0x39).contains($0) }
        if let version = Int(String(decoding: digits, as: UTF8.self)) { return version >= 245 }
      }
    }
    return true
  }

  private static func enable(_ unit: String, in wants: String, of guest: some GuestFiles) throws(Failure) {
    try guest.link("/etc/systemd/system/\(wants)/\(unit)", to: "/lib/systemd/system/\(unit)")
  }
}
