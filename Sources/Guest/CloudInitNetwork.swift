// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The network as cloud-init is told it, by a seed or in its configuration: of version 1, which every cloud-init reads, whatever
/// configures the network of the guest.
enum CloudInitNetwork {
  static func files(for network: GuestNetwork) throws(Failure) -> [NetworkRenderer.File] {
    let configured = GuestNetwork(network.interfaces.filter { !$0.isUnconfigured })
    let configuration = try Self.configuration(of: configured)
    let lines = [
      "\(NetworkRenderer.mark). It is replaced when the network of the instance changes.",
      (["network": configuration] as JSON).serialized(),
    ]
    return [NetworkRenderer.File("/etc/cloud/cloud.cfg.d/99-guestsmith-network.cfg", lines)]
  }

  /// - Parameter isOfSeed: a seed leaves IPv6 to the routers where no more is asked for. Its text stays what it was, since a
  ///   guest whose seed says something else at a rename becomes a new instance for cloud-init.
  /// - Throws: `.guest` where the MAC address of an interface that is configured is not known.
  static func configuration(of network: GuestNetwork, isOfSeed: Bool = false) throws(Failure) -> JSON {
    var devices: [JSON] = []
    for interface in network.interfaces {
      guard let mac = interface.mac else {
        if interface.isUnconfigured { continue }
        throw Failure(
          .guest, "cloud-init knows an interface by its MAC address, and that of NIC \(interface.index) is not known",
          remedy: "have the host call scripts of API 10 or later, which are told the MAC addresses")
      }
      var members: [JSON.Member] = [
        .init(key: "type", value: "physical"), .init(key: "name", value: .string("eth\(interface.index)")),
        .init(key: "mac_address", value: .string(mac)),
      ]
      if let mtu = interface.mtu { members.append(.init(key: "mtu", value: .integer(mtu))) }
      let leavesIPv6 = isOfSeed && interface.leavesIPv6ToRouters
      if !interface.isUnconfigured, !leavesIPv6 {
        members.append(.init(key: "accept-ra", value: .bool(interface.hearsRouters)))
      }
      members.append(.init(key: "subnets", value: .array(subnets(of: interface, leavesIPv6: leavesIPv6))))
      devices.append(.object(members))
    }
    return ["version": 1, "config": .array(devices)]
  }

  private static func subnets(of interface: GuestNetwork.Interface, leavesIPv6: Bool) -> [JSON] {
    if interface.isUnconfigured { return [["type": "manual"]] }
    let types = types(of: interface, leavesIPv6: leavesIPv6)
    var subnets: [[JSON.Member]] = types.map { [.init(key: "type", value: .string($0))] }
    for family in GuestNetwork.Family.allCases {
      // In a subnet of its own family: NetworkManager refuses a route of the other one.
      var place = subnets.count
      for (index, address) in interface.addresses(family).enumerated() {
        var members: [JSON.Member] = [
          .init(key: "type", value: family == .ipv4 ? "static" : "static6"),
          .init(key: "address", value: .string(address.withPrefix)),
        ]
        if index == 0, let route = interface.defaultRoute(family) {
          members.append(.init(key: "gateway", value: .string(route.gateway)))
        }
        subnets.append(members)
      }
      var routes = interface.otherRoutes(family)
      if interface.addresses(family).isEmpty {
        routes += interface.defaultRoute(family).map { [$0] } ?? []
        place = family == .ipv4 ? 0 : types.count - 1
      }
      if routes.isEmpty || !subnets.indices.contains(place) { continue }
      let values = routes.map { route -> JSON in
        ["destination": .string(route.network), "gateway": .string(route.gateway)]
      }
      subnets[place].append(.init(key: "routes", value: .array(values)))
    }
    return subnets.map { .object($0 + names(of: interface)) }
  }

  /// What does not come from fixed addresses.
  private static func types(of interface: GuestNetwork.Interface, leavesIPv6: Bool) -> [String] {
    let ipv4 = interface.dhcp4 ? ["dhcp"] : []
    return switch (interface.dhcp6, interface.acceptsAdvertisements) {
    case _ where leavesIPv6: ipv4
    case (true, true): ipv4 + ["dhcp6"]
    case (true, false): ipv4 + ["ipv6_dhcpv6-stateful"]
    case (false, true): ipv4 + ["ipv6_slaac"]
    case (false, false): ipv4
    }
  }

  /// Name servers that belong to no subnet some versions pass over where NetworkManager is to be told of them.
  private static func names(of interface: GuestNetwork.Interface) -> [JSON.Member] {
    [("dns_nameservers", interface.nameservers), ("dns_search", interface.searchDomains)].filter { !$0.1.isEmpty }
      .map { .init(key: $0.0, value: .array($0.1.map { .string($0) })) }
  }
}

extension GuestNetwork.Interface {
  /// It asks for all, or has its fixed addresses of IPv4 alone: a seed says nothing of IPv6, since ifupdown fails where no server of
  /// DHCPv6 answers.
  fileprivate var leavesIPv6ToRouters: Bool {
    acceptsAdvertisements && addresses(.ipv6).isEmpty && otherRoutes(.ipv6).isEmpty && dhcp4 == dhcp6
      && (dhcp4 || !addresses.isEmpty)
  }
}
