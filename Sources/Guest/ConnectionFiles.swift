// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A connection of NetworkManager for each interface (nm-settings-keyfile(5)).
enum ConnectionFiles {
  static let folder: ByteString = "/etc/NetworkManager/system-connections"

  static func files(for network: GuestNetwork) -> [NetworkRenderer.File] {
    let configured = network.interfaces.filter { !$0.isUnconfigured }
    let files = configured.map { interface in
      let name = "guestsmith-\(interface.index).nmconnection"
      // NetworkManager passes over a file that others can read.
      return NetworkRenderer.File("\(folder)/\(name)", lines(for: interface), mode: 0o600)
    }
    return files + InterfaceNames.files(for: configured.filter { $0.mac == nil })
  }

  private static func lines(for interface: GuestNetwork.Interface) -> [String] {
    var lines = [
      "\(NetworkRenderer.mark). Your own settings belong into a connection of your own.", "[connection]",
      "id=guestsmith-\(interface.index)", "uuid=\(uuid(of: interface.match))", "type=ethernet",
      // Before what an image has for any interface.
      "autoconnect-priority=100",
    ]
    if interface.mac == nil { lines.append("interface-name=\(InterfaceNames.name(of: interface))") }
    lines += ["", "[ethernet]"]
    if let mac = interface.mac { lines.append("mac-address=\(mac)") }
    if let mtu = interface.mtu { lines.append("mtu=\(mtu)") }
    for family in GuestNetwork.Family.allCases { lines += [""] + section(family, of: interface) }
    return lines
  }

  private static func section(_ family: GuestNetwork.Family, of interface: GuestNetwork.Interface) -> [String] {
    var lines = ["[\(family.rawValue)]"]
    let addresses = interface.addresses(family)
    switch family {
    case .ipv4: lines.append("method=\(interface.dhcp4 ? "auto" : addresses.isEmpty ? "disabled" : "manual")")
    // With `dhcp` it would ignore routers, and lack a route. RHEL 7 does not know `disabled` yet.
    case .ipv6:
      lines.append("method=\(interface.hearsRouters ? "auto" : addresses.isEmpty ? "link-local" : "manual")")
      // The address that everything else makes of the MAC address, and that a host may expect.
      lines.append("addr-gen-mode=eui64")
    }
    lines += addresses.enumerated().map { "address\($0 + 1)=\($1.withPrefix)" }
    var routes = interface.otherRoutes(family)
    if let route = interface.defaultRoute(family) {
      // A gateway on the link gets a route of its own by NetworkManager; without an address the key is refused.
      if addresses.isEmpty { routes.insert(route, at: 0) } else { lines.append("gateway=\(route.gateway)") }
    }
    for (index, route) in routes.enumerated() {
      lines.append("route\(index + 1)=\(route.network),\(route.gateway)")
      if route.isOnLink { lines.append("route\(index + 1)_options=onlink=true") }
    }
    // Both are refused in a family without addresses.
    guard interface.has(family) else { return lines }
    let servers = interface.nameservers(family)
    if !servers.isEmpty { lines.append("dns=\(servers.map { "\($0);" }.joined())") }
    if !interface.searchDomains.isEmpty {
      lines.append("dns-search=\(interface.searchDomains.map { "\($0);" }.joined())")
    }
    return lines
  }

  /// Of version 8 (RFC 9562): our name and the MAC address, so that it is the same at each time, and another in a copy.
  static func uuid(of match: GuestNetwork.Match) -> UUID {
    var bytes = Array("guestsmith".utf8)
    bytes[6] = bytes[6] & 0x0F | 0x80
    bytes[8] = bytes[8] & 0x3F | 0x80
    switch match {
    case .mac(let mac): bytes += mac.split(separator: ":").prefix(6).map { UInt8($0, radix: 16) ?? 0 }
    case .order(let order): bytes += [0, 0, 0, 0, 0, UInt8(truncatingIfNeeded: order)]
    }
    return UUID(bytes: bytes + [UInt8](repeating: 0, count: 16 - bytes.count))
  }
}
