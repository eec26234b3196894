// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The files of Red Hat's scripts, which NetworkManager reads as well (nm-settings-ifcfg-rh(5)).
///
/// The scripts hand a route to ip(8) as its line has it: that to a gateway on the link, or known by its address on the link, has to
/// name the interface, which then gets a name that is known.
enum IfcfgFiles {
  static let folder: ByteString = "/etc/sysconfig/network-scripts"

  static func files(for network: GuestNetwork) -> [NetworkRenderer.File] {
    let configured = network.interfaces.filter { !$0.isUnconfigured }
    var files: [NetworkRenderer.File] = []
    for interface in configured {
      let name = "guestsmith\(interface.index)"
      let head = "\(NetworkRenderer.mark). It is replaced when the network of the instance changes."
      files.append(NetworkRenderer.File("\(folder)/ifcfg-\(name)", [head] + variables(of: interface)))
      if needsAliases(interface) { files += aliases(of: interface, head) }
      for (family, prefix) in [(GuestNetwork.Family.ipv4, "route-"), (.ipv6, "route6-")] {
        let routes = interface.otherRoutes(family) + withoutVariable(family, of: interface)
        if routes.isEmpty { continue }
        let lines = routes.map { route in
          let device = needsName(route) ? " dev \(InterfaceNames.name(of: interface))" : ""
          return "\(route.network) via \(route.gateway)\(device)\(route.isOnLink ? " onlink" : "")"
        }
        files.append(NetworkRenderer.File("\(folder)/\(prefix)\(name)", [head] + lines))
      }
    }
    return files + InterfaceNames.files(for: configured.filter(isNamed))
  }

  private static func needsName(_ route: GuestNetwork.Route) -> Bool {
    route.isOnLink || IPAddress(route.gateway).map { $0.isIPv6 && $0.isOfLink } == true
  }

  private static func isNamed(_ interface: GuestNetwork.Interface) -> Bool {
    interface.mac == nil || interface.routes.contains(where: needsName) || needsAliases(interface)
  }

  /// Whether it has fixed addresses of IPv4 beside DHCP: the scripts then read none of its own file, as NetworkManager does.
  private static func needsAliases(_ interface: GuestNetwork.Interface) -> Bool {
    interface.dhcp4 && !interface.addresses(.ipv4).isEmpty
  }

  /// A file for each of them, which goes by the name of the interface. NetworkManager passes over it.
  private static func aliases(of interface: GuestNetwork.Interface, _ head: String) -> [NetworkRenderer.File] {
    interface.addresses(.ipv4).enumerated().map { index, address in
      let device = "\(InterfaceNames.name(of: interface)):\(index)"
      return NetworkRenderer.File(
        "\(folder)/ifcfg-\(device)",
        [
          head, "DEVICE=\(device)", "ONPARENT=yes", "IPADDR=\(address.address)", "PREFIX=\(address.prefix)",
          "IPV6INIT=no",
        ])
    }
  }

  /// The default route by the variable of ifcfg; nil where that does not do: where the interface has to be named, or lacks a fixed
  /// address, and of IPv4 beside DHCP, or outside of the network of the first address, where the scripts pass over it.
  private static func variable(
    _ family: GuestNetwork.Family, of interface: GuestNetwork.Interface
  ) -> GuestNetwork.Route? {
    guard let route = interface.defaultRoute(family), !needsName(route), let first = interface.addresses(family).first
    else { return nil }
    guard family == .ipv4 else { return route }
    guard !interface.dhcp4, let own = IPAddress(first.address), let gateway = IPAddress(route.gateway),
      own.isNear(gateway, prefix: first.prefix)
    else { return nil }
    return route
  }

  /// The default route where the variable does not do.
  private static func withoutVariable(
    _ family: GuestNetwork.Family, of interface: GuestNetwork.Interface
  ) -> [GuestNetwork.Route] {
    variable(family, of: interface) == nil ? interface.defaultRoute(family).map { [$0] } ?? [] : []
  }

  private static func variables(of interface: GuestNetwork.Interface) -> [String] {
    var lines = ["TYPE=Ethernet", "NAME=guestsmith\(interface.index)"]
    if let mac = interface.mac { lines.append("HWADDR=\(mac.uppercased())") }
    if isNamed(interface) { lines.append("DEVICE=\(InterfaceNames.name(of: interface))") }
    lines += ["ONBOOT=yes", "BOOTPROTO=\(interface.dhcp4 ? "dhcp" : "none")"]
    if let mtu = interface.mtu { lines.append("MTU=\(mtu)") }
    for (index, address) in interface.addresses(.ipv4).enumerated() {
      let number = index == 0 ? "" : "\(index)"
      lines += ["IPADDR\(number)=\(address.address)", "PREFIX\(number)=\(address.prefix)"]
    }
    if let route = variable(.ipv4, of: interface) { lines.append("GATEWAY=\(route.gateway)") }
    lines += variables6(of: interface)
    lines += interface.nameservers.enumerated().map { "DNS\($0 + 1)=\($1)" }
    if !interface.searchDomains.isEmpty { lines.append("DOMAIN=\"\(interface.searchDomains.joined(separator: " "))\"") }
    return lines
  }

  private static func variables6(of interface: GuestNetwork.Interface) -> [String] {
    guard interface.has(.ipv6) else { return ["IPV6INIT=no"] }
    var lines = ["IPV6INIT=yes", "IPV6_AUTOCONF=\(interface.acceptsAdvertisements ? "yes" : "no")"]
    if interface.dhcp6 { lines.append("DHCPV6C=yes") }
    // As the kernel makes it of the MAC address.
    if interface.hearsRouters { lines.append("IPV6_ADDR_GEN_MODE=eui64") }
    // DHCPv6 hands out no routes.
    if interface.dhcp6, !interface.acceptsAdvertisements { lines.append("IPV6_FORCE_ACCEPT_RA=yes") }
    let addresses = interface.addresses(.ipv6)
    if let first = addresses.first { lines.append("IPV6ADDR=\(first.withPrefix)") }
    if addresses.count > 1 {
      lines.append("IPV6ADDR_SECONDARIES=\"\(addresses.dropFirst().map(\.withPrefix).joined(separator: " "))\"")
    }
    if let route = variable(.ipv6, of: interface) { lines.append("IPV6_DEFAULTGW=\(route.gateway)") }
    return lines
  }
}
