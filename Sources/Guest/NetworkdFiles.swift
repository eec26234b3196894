// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A `.network` file of systemd for each interface (systemd.network(5)).
///
/// A MAC address is compared with the one that the device came with: a bridge or a bond that takes over the address of its
/// member is not taken for it. Drivers of virtual machines tell it (virtio_net, the emulated cards, and xen-netfront since
/// Linux 4.16), and systemd compares it since version 245; for an older one the address is that of now.
enum NetworkdFiles {
  static func files(for network: GuestNetwork, knowsPermanentAddress: Bool = true) -> [NetworkRenderer.File] {
    let configured = network.interfaces.filter { !$0.isUnconfigured }
    var files = configured.map { interface in
      NetworkRenderer.File(
        path(of: interface),
        lines(for: interface, isFirst: interface.index == configured[0].index, knowsPermanentAddress))
    }
    if let rules = rules(marking: configured) { files.append(rules) }
    return files
  }

  /// The marks of those that are known by their order; nil where none is.
  static func rules(marking interfaces: [GuestNetwork.Interface]) -> NetworkRenderer.File? {
    let rules = interfaces.compactMap(rule)
    let head = "\(NetworkRenderer.mark): marks network interfaces by their order, whatever their names."
    return rules.isEmpty ? nil : NetworkRenderer.File(Network.rulesPath, [head] + rules)
  }

  static func name(ofInterface index: Int) -> String {
    index == 0 ? "10-guestsmith.network" : "10-guestsmith-\(index).network"
  }

  private static func path(of interface: GuestNetwork.Interface) -> ByteString {
    "\(folder)/\(name(ofInterface: interface.index))"
  }

  static let folder: ByteString = "/etc/systemd/network"

  /// The loopback has index 1, and the kernel counts on as it finds devices. Only the first is certain: between the others
  /// a module may have made a device of its own, such as `sit0` or `bond0`, and drivers of two kinds look for theirs at
  /// the same time.
  private static func rule(for interface: GuestNetwork.Interface) -> String? {
    guard case .order(let order) = interface.match else { return nil }
    return #"ACTION!="remove", SUBSYSTEM=="net", ATTR{type}=="1", ATTR{ifindex}=="\#(order + 2)", "#
      + #"ENV{GUESTSMITH_NIC}="\#(mark(order))""#
  }

  /// What matches the mark of an interface.
  static func property(of order: Int) -> String { "Property=GUESTSMITH_NIC=\(mark(order))" }

  private static func mark(_ order: Int) -> String { order == 0 ? "first" : "\(order)" }

  private static func lines(
    for interface: GuestNetwork.Interface, isFirst: Bool, _ knowsPermanentAddress: Bool
  ) -> [String] {
    let name = name(ofInterface: interface.index)
    var lines = [
      "\(NetworkRenderer.mark). Your own settings belong into \(name).d/*.conf beside this file.", "[Match]",
    ]
    switch interface.match {
    case .mac(let mac) where knowsPermanentAddress: lines.append("PermanentMACAddress=\(mac)")
    case .mac(let mac): lines += ["Type=ether", "MACAddress=\(mac)"]
    case .order(let order): lines.append(property(of: order))
    }
    var link = interface.mtu.map { ["MTUBytes=\($0)"] } ?? []
    // Or else a boot that waits for the network waits for all of them, connected or not.
    if !isFirst { link.append("RequiredForOnline=no") }
    if !link.isEmpty { lines += ["", "[Link]"] + link }
    lines += ["", "[Network]"]
    switch (interface.dhcp4, interface.dhcp6) {
    case (true, true): lines.append("DHCP=yes")
    case (true, false): lines.append("DHCP=ipv4")
    case (false, true): lines.append("DHCP=ipv6")
    case (false, false): break
    }
    if !interface.hearsRouters { lines.append("IPv6AcceptRA=no") }
    lines += interface.addresses.map { "Address=\($0.withPrefix)" }
    lines += interface.routes.filter(isPlain).map { "Gateway=\($0.gateway)" }
    lines += interface.nameservers.map { "DNS=\($0)" }
    if !interface.searchDomains.isEmpty {
      lines.append("Domains=\(interface.searchDomains.joined(separator: " "))")
    }
    // Where the host routes, a guest has an address of its own and a gateway that is on the same link all the same.
    for route in interface.routes where !isPlain(route) {
      lines += ["", "[Route]"]
      if let destination = route.destination { lines.append("Destination=\(destination)") }
      lines.append("Gateway=\(route.gateway)")
      if route.isOnLink { lines.append("GatewayOnLink=yes") }
    }
    if interface.dhcp6, !interface.acceptsAdvertisements {
      lines += ["", "[IPv6AcceptRA]", "UseAutonomousPrefix=no"]
    }
    return lines
  }

  private static func isPlain(_ route: GuestNetwork.Route) -> Bool { route.destination == nil && !route.isOnLink }
}
