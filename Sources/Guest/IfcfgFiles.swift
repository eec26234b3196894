// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The files of Red Hat's scripts, which NetworkManager reads as well (nm-settings-ifcfg-rh(5)).
enum IfcfgFiles {
  static let folder: ByteString = "/etc/sysconfig/network-scripts"

  static func files(for network: GuestNetwork) -> [NetworkRenderer.File] {
    let configured = network.interfaces.filter { !$0.isUnconfigured }
    var files: [NetworkRenderer.File] = []
    for interface in configured {
      let name = "guestsmith\(interface.index)"
      let head = "\(NetworkRenderer.mark). It is replaced when the network of the instance changes."
      files.append(NetworkRenderer.File("\(folder)/ifcfg-\(name)", [head] + variables(of: interface)))
      for (family, prefix) in [(GuestNetwork.Family.ipv4, "route-"), (.ipv6, "route6-")] {
        let routes = interface.otherRoutes(family) + unnamed(family, of: interface)
        if routes.isEmpty { continue }
        let lines = routes.map { "\($0.network) via \($0.gateway)\($0.isOnLink ? " onlink" : "")" }
        files.append(NetworkRenderer.File("\(folder)/\(prefix)\(name)", [head] + lines))
      }
    }
    return files + InterfaceNames.files(for: configured.filter { $0.mac == nil })
  }

  /// A default route of an interface that only DHCP gives addresses: ifcfg lacks a variable for it, so that it goes into a file of
  /// routes.
  private static func unnamed(
    _ family: GuestNetwork.Family, of interface: GuestNetwork.Interface
  ) -> [GuestNetwork.Route] {
    interface.addresses(family).isEmpty ? interface.defaultRoute(family).map { [$0] } ?? [] : []
  }

  private static func variables(of interface: GuestNetwork.Interface) -> [String] {
    var lines = ["TYPE=Ethernet", "NAME=guestsmith\(interface.index)"]
    if let mac = interface.mac {
      lines.append("HWADDR=\(mac.uppercased())")
    } else {
      lines.append("DEVICE=\(InterfaceNames.name(of: interface))")
    }
    lines += ["ONBOOT=yes", "BOOTPROTO=\(interface.dhcp4 ? "dhcp" : "none")"]
    if let mtu = interface.mtu { lines.append("MTU=\(mtu)") }
    for (index, address) in interface.addresses(.ipv4).enumerated() {
      let number = index == 0 ? "" : "\(index)"
      lines += ["IPADDR\(number)=\(address.address)", "PREFIX\(number)=\(address.prefix)"]
    }
    if let route = interface.defaultRoute(.ipv4), !interface.addresses(.ipv4).isEmpty {
      lines.append("GATEWAY=\(route.gateway)")
    }
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
    if let route = interface.defaultRoute(.ipv6), !addresses.isEmpty { lines.append("IPV6_DEFAULTGW=\(route.gateway)") }
    return lines
  }
}
