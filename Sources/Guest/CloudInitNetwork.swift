// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The network as cloud-init is told it: of version 1, which every cloud-init reads, whatever it makes of it.
enum CloudInitNetwork {
  static func files(for network: GuestNetwork) throws(Failure) -> [NetworkRenderer.File] {
    let configuration = try Self.configuration(of: network)
    let lines = [
      "\(NetworkRenderer.mark). It is replaced when the network of the instance changes.",
      (["network": configuration] as JSON).serialized(),
    ]
    return [NetworkRenderer.File("/etc/cloud/cloud.cfg.d/99-guestsmith-network.cfg", lines)]
  }

  static func configuration(of network: GuestNetwork) throws(Failure) -> JSON {
    var devices: [JSON] = []
    for interface in network.interfaces where !interface.isUnconfigured {
      guard let mac = interface.mac else {
        throw Failure(
          .guest, "cloud-init knows an interface by its MAC address, and that of NIC \(interface.index) is not known",
          remedy: "have the host call scripts of API 10 or later, which are told the MAC addresses")
      }
      var members: [JSON.Member] = [
        .init(key: "type", value: "physical"), .init(key: "name", value: .string("eth\(interface.index)")),
        .init(key: "mac_address", value: .string(mac)),
        .init(key: "accept-ra", value: .bool(interface.hearsRouters)),
      ]
      if let mtu = interface.mtu { members.append(.init(key: "mtu", value: .integer(mtu))) }
      members.append(.init(key: "subnets", value: .array(subnets(of: interface))))
      devices.append(.object(members))
    }
    return ["version": 1, "config": .array(devices)]
  }

  private static func subnets(of interface: GuestNetwork.Interface) -> [JSON] {
    var subnets: [[JSON.Member]] = []
    if interface.dhcp4 { subnets.append([.init(key: "type", value: "dhcp4")]) }
    if interface.dhcp6 || interface.acceptsAdvertisements {
      let type =
        switch (interface.dhcp6, interface.acceptsAdvertisements) {
        case (true, true): "dhcp6"
        case (true, false): "ipv6_dhcpv6-stateful"
        default: "ipv6_slaac"
        }
      subnets.append([.init(key: "type", value: .string(type))])
    }
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
        place = family == .ipv4 ? 0 : place - 1
      }
      if routes.isEmpty || !subnets.indices.contains(place) { continue }
      let values = routes.map { route -> JSON in
        ["destination": .string(route.network), "gateway": .string(route.gateway)]
      }
      subnets[place].append(.init(key: "routes", value: .array(values)))
    }
    // Name servers that belong to no subnet some versions pass over where NetworkManager is to be told of them.
    for (key, values) in [("dns_nameservers", interface.nameservers), ("dns_search", interface.searchDomains)]
    where !values.isEmpty && !subnets.isEmpty {
      subnets[0].append(.init(key: key, value: .array(values.map { .string($0) })))
    }
    return subnets.map { .object($0) }
  }
}
