// SPDX-License-Identifier: Apache-2.0
internal import Glibc
import Report

/// How the guest reaches the network with its first interface.
///
/// systemd-networkd does it: it comes with systemd, needs no DHCP client, and reads the same file in every release.
/// Which name the first interface gets (`ens3`, `enp1s0`, `enX0`, `eth0`) depends on the virtual hardware and on the
/// kernel's command line, and no host tells. What they have in common is the order in which the kernel finds them: the
/// loopback has index 1, so the first interface has index 2. A udev rule marks that one, whatever its name, and the
/// network file matches the mark; other interfaces stay as they are.
package struct Network: Sendable, Equatable {
  package enum Address: Sendable, Equatable {
    case dhcp
    case fixed(StaticAddress)
  }

  package var address: Address
  /// Addresses of name servers; on DHCP in addition to those of the lease.
  package var nameservers: [String]

  package init(_ address: Address = .dhcp, nameservers: [String] = []) {
    self.address = address
    self.nameservers = nameservers
  }

  package struct StaticAddress: Sendable, Equatable {
    /// IPv4 or IPv6, without prefix.
    package var address: String
    package var prefix: Int
    package var gateway: String?

    package init(_ address: String, prefix: Int, gateway: String? = nil) {
      self.address = address
      self.prefix = prefix
      self.gateway = gateway
    }

    /// Whether the kernel takes the gateway for a neighbour by itself: it is in the network of the address, or has an
    /// address of the link (RFC 4291, 2.5.6).
    var isGatewayNear: Bool {
      guard let gateway = gateway.flatMap(Self.bytes), let own = Self.bytes(of: address) else { return true }
      if gateway.count == 16, gateway[0] == 0xFE, gateway[1] & 0xC0 == 0x80 { return true }
      return gateway.count == own.count
        && (0..<prefix).allSatisfy { bit in (gateway[bit / 8] ^ own[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0 }
    }

    private static func bytes(of address: String) -> [UInt8]? {
      for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
        var bytes = [UInt8](repeating: 0, count: count)
        if inet_pton(family, address, &bytes) == 1 { return bytes }
      }
      return nil
    }
  }

  static let path: ByteString = "/etc/systemd/network/10-guestsmith.network"
  static let rulesPath: ByteString = "/etc/udev/rules.d/70-guestsmith-network.rules"

  static let rules = """
    # Written by guestsmith: marks the first network interface, whatever its name.
    ACTION!="remove", SUBSYSTEM=="net", ATTR{type}=="1", ATTR{ifindex}=="2", ENV{GUESTSMITH_NIC}="first"

    """

  /// The static address, without prefix.
  var fixedAddress: String? {
    if case .fixed(let fixed) = address { fixed.address } else { nil }
  }

  /// As the release file has it: `dhcp`, or address and prefix.
  var signature: String {
    if case .fixed(let fixed) = address { "\(fixed.address)/\(fixed.prefix)" } else { "dhcp" }
  }

  func render() -> String {
    var lines = [
      "# Written by guestsmith. Your own settings belong into 10-guestsmith.network.d/*.conf beside this file.",
      "[Match]", "Property=GUESTSMITH_NIC=first", "", "[Network]",
    ]
    switch address {
    case .dhcp:
      lines.append("DHCP=yes")
    case .fixed(let fixed):
      lines.append("Address=\(fixed.address)/\(fixed.prefix)")
      if let gateway = fixed.gateway, fixed.isGatewayNear { lines.append("Gateway=\(gateway)") }
    }
    lines += nameservers.map { "DNS=\($0)" }
    // A host that routes gives a guest an address of its own and a gateway that is on the same link all the same.
    if case .fixed(let fixed) = address, let gateway = fixed.gateway, !fixed.isGatewayNear {
      lines += ["", "[Route]", "Gateway=\(gateway)", "GatewayOnLink=yes"]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  func apply(to guest: some GuestFiles) throws(Failure) {
    guard try guest.kind("/lib/systemd/systemd-networkd") != nil else {
      throw Failure(
        .guest, "the guest has no systemd-networkd, which configures its network",
        remedy: "install a system that has the package systemd")
    }
    try guest.place(Self.rulesPath, Self.rules)
    try guest.place(Self.path, render())
    try enable("systemd-networkd.service", in: "multi-user.target.wants", of: guest)
    try enable("systemd-networkd.socket", in: "sockets.target.wants", of: guest)
    // Waits for the network only where something else in the guest wants to.
    try enable("systemd-networkd-wait-online.service", in: "network-online.target.wants", of: guest)
    try guest.link(
      "/etc/systemd/system/dbus-org.freedesktop.network1.service", to: "/lib/systemd/system/systemd-networkd.service")
    try applyResolver(to: guest)
  }

  /// The name servers of a lease reach `/etc/resolv.conf` by systemd-resolved; without it only fixed ones can be there.
  private func applyResolver(to guest: some GuestFiles) throws(Failure) {
    if try guest.kind("/lib/systemd/systemd-resolved") != nil {
      if try guest.kind("/etc/systemd/system/sysinit.target.wants/systemd-resolved.service") == nil {
        try enable("systemd-resolved.service", in: "multi-user.target.wants", of: guest)
      }
      try guest.link(
        "/etc/systemd/system/dbus-org.freedesktop.resolve1.service", to: "/lib/systemd/system/systemd-resolved.service")
      try guest.link("/etc/resolv.conf", to: "../run/systemd/resolve/stub-resolv.conf")
    } else if !nameservers.isEmpty {
      try guest.place("/etc/resolv.conf", nameservers.map { "nameserver \($0)\n" }.joined())
    }
  }

  private func enable(_ unit: String, in wants: String, of guest: some GuestFiles) throws(Failure) {
    try guest.link("/etc/systemd/system/\(wants)/\(unit)", to: "/lib/systemd/system/\(unit)")
  }
}
