// SPDX-License-Identifier: Apache-2.0
import Report

/// The network of a guest that was made here, by systemd-networkd: it comes with systemd, needs no DHCP client, and reads
/// the same files in every release.
///
/// An interface is known by its MAC address where the host tells that: by the permanent one, which a bridge or a VLAN that
/// the guest's administrator puts on it does not have. Else it is known by its order. Which name the first interface gets
/// (`ens3`, `enp1s0`, `enX0`, `eth0`) depends on the virtual hardware and on the kernel's command line, and no host tells.
/// What they have in common is the order in which the kernel finds them: the loopback has index 1, so the first interface
/// has index 2. A udev rule marks that one, whatever its name, and the network file matches the mark.
package enum Network {
  package struct StaticAddress: Sendable, Equatable {
    /// IPv4 or IPv6, without prefix.
    package var address: String
    package var prefix: Int

    package init(_ address: String, prefix: Int) {
      self.address = address
      self.prefix = prefix
    }
  }

  static let folder: ByteString = "/etc/systemd/network"
  /// Of the first interface.
  static let path: ByteString = path(ofInterface: 0)
  static let rulesPath: ByteString = "/etc/udev/rules.d/70-guestsmith-network.rules"

  static func path(ofInterface index: Int) -> ByteString { "\(folder)/\(name(ofInterface: index))" }

  private static func name(ofInterface index: Int) -> String {
    index == 0 ? "10-guestsmith.network" : "10-guestsmith-\(index).network"
  }

  /// The files of ours in a guest.
  static func paths(in guest: some GuestFiles) throws(Failure) -> [ByteString] {
    let files = try guest.list(folder).filter {
      $0 == "10-guestsmith.network" || $0.hasPrefix("10-guestsmith-") && $0.hasSuffix(".network")
    }.map { "\(folder)/\($0)" as ByteString }
    return try files + (guest.kind(rulesPath) == nil ? [] : [rulesPath])
  }

  /// All that systemd-networkd needs to know; of an interface that stays unconfigured nothing.
  static func files(for network: GuestNetwork) -> [(path: ByteString, text: String)] {
    let configured = network.interfaces.filter { !$0.isUnconfigured }
    let files = configured.map { interface in
      (path(ofInterface: interface.index), text(of: interface, isFirst: interface.index == configured[0].index))
    }
    let marks = configured.compactMap { if case .order(let order) = $0.match { order } else { nil } }
    return marks.isEmpty ? files : [(rulesPath, rules(marking: marks))] + files
  }

  private static func mark(_ order: Int) -> String { order == 0 ? "first" : "\(order)" }

  static func rules(marking orders: [Int]) -> String {
    "# Written by guestsmith: marks network interfaces by their order, whatever their names.\n"
      + orders.map { order in
        "ACTION!=\"remove\", SUBSYSTEM==\"net\", ATTR{type}==\"1\", ATTR{ifindex}==\"\(order + 2)\", "
          + "ENV{GUESTSMITH_NIC}=\"\(mark(order))\"\n"
      }.joined()
  }

  private static let macKey = "PermanentMACAddress="

  private static func line(of match: GuestNetwork.Match) -> String {
    switch match {
    case .mac(let mac): macKey + mac
    case .order(let order): "Property=GUESTSMITH_NIC=\(mark(order))"
    }
  }

  private static func text(of interface: GuestNetwork.Interface, isFirst: Bool) -> String {
    var lines = [
      "# Written by guestsmith. Your own settings belong into \(name(ofInterface: interface.index)).d/*.conf beside this "
        + "file.", "[Match]", line(of: interface.match), "",
    ]
    var link = interface.mtu.map { ["MTUBytes=\($0)"] } ?? []
    // Or else a boot that waits for the network waits for all of them, connected or not.
    if !isFirst { link.append("RequiredForOnline=no") }
    if !link.isEmpty { lines += ["[Link]"] + link + [""] }
    lines.append("[Network]")
    switch (interface.dhcp4, interface.dhcp6) {
    case (true, true): lines.append("DHCP=yes")
    case (true, false): lines.append("DHCP=ipv4")
    case (false, true): lines.append("DHCP=ipv6")
    case (false, false): break
    }
    if !interface.acceptsAdvertisements { lines.append("IPv6AcceptRA=no") }
    lines += interface.addresses.map { "Address=\($0.address)/\($0.prefix)" }
    lines += interface.routes.filter { $0.destination == nil && !$0.isOnLink }.map { "Gateway=\($0.gateway)" }
    lines += interface.nameservers.map { "DNS=\($0)" }
    if !interface.searchDomains.isEmpty { lines.append("Domains=\(interface.searchDomains.joined(separator: " "))") }
    // A host that routes gives a guest an address of its own and a gateway that is on the same link all the same.
    for route in interface.routes where route.destination != nil || route.isOnLink {
      lines += ["", "[Route]"] + (route.destination.map { ["Destination=\($0)"] } ?? []) + ["Gateway=\(route.gateway)"]
      if route.isOnLink { lines.append("GatewayOnLink=yes") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A file of ours for an interface whose MAC address is another now, or is not told; where it goes by none, as it is.
  static func rematching(_ file: [UInt8], to match: GuestNetwork.Match) -> [UInt8] {
    var text = TextLines(file)
    for index in text.lines.indices where text.lines[index].starts(with: macKey.utf8) {
      text.lines[index] = Array("\(line(of: match))\n".utf8)
    }
    return text.bytes
  }

  static func apply(_ network: GuestNetwork, to guest: some GuestFiles) throws(Failure) {
    guard try guest.kind("/lib/systemd/systemd-networkd") != nil else {
      throw Failure(
        .guest, "the guest has no systemd-networkd, which configures its network",
        remedy: "install a system that has the package systemd")
    }
    for (path, text) in files(for: network) { try guest.place(path, text) }
    try enable("systemd-networkd.service", in: "multi-user.target.wants", of: guest)
    try enable("systemd-networkd.socket", in: "sockets.target.wants", of: guest)
    // Waits for the network only where something else in the guest wants to.
    try enable("systemd-networkd-wait-online.service", in: "network-online.target.wants", of: guest)
    try guest.link(
      "/etc/systemd/system/dbus-org.freedesktop.network1.service", to: "/lib/systemd/system/systemd-networkd.service")
    try applyResolver(of: network, to: guest)
  }

  /// The name servers of a lease reach `/etc/resolv.conf` by systemd-resolved; without it only fixed ones can be there.
  private static func applyResolver(of network: GuestNetwork, to guest: some GuestFiles) throws(Failure) {
    let servers = network.interfaces.flatMap(\.nameservers)
    let domains = network.interfaces.flatMap(\.searchDomains)
    if try guest.kind("/lib/systemd/systemd-resolved") != nil {
      if try guest.kind("/etc/systemd/system/sysinit.target.wants/systemd-resolved.service") == nil {
        try enable("systemd-resolved.service", in: "multi-user.target.wants", of: guest)
      }
      try guest.link(
        "/etc/systemd/system/dbus-org.freedesktop.resolve1.service", to: "/lib/systemd/system/systemd-resolved.service")
      try guest.link("/etc/resolv.conf", to: "../run/systemd/resolve/stub-resolv.conf")
    } else if !servers.isEmpty || !domains.isEmpty {
      let search = domains.isEmpty ? "" : "search \(domains.joined(separator: " "))\n"
      try guest.place("/etc/resolv.conf", search + servers.map { "nameserver \($0)\n" }.joined())
    }
  }

  private static func enable(_ unit: String, in wants: String, of guest: some GuestFiles) throws(Failure) {
    try guest.link("/etc/systemd/system/\(wants)/\(unit)", to: "/lib/systemd/system/\(unit)")
  }
}
