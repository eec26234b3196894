// SPDX-License-Identifier: Apache-2.0

/// What a renderer asks of an interface: nearly every format has IPv4 and IPv6 apart.
extension GuestNetwork.Interface {
  func addresses(_ family: GuestNetwork.Family) -> [Network.StaticAddress] {
    addresses.filter { $0.family == family }
  }

  package func defaultRoute(_ family: GuestNetwork.Family) -> GuestNetwork.Route? {
    routes.first { $0.destination == nil && $0.family == family }
  }

  /// All but the default route.
  func otherRoutes(_ family: GuestNetwork.Family) -> [GuestNetwork.Route] {
    routes.filter { $0.destination != nil && $0.family == family }
  }

  func nameservers(_ family: GuestNetwork.Family) -> [String] {
    nameservers.filter { GuestNetwork.Family(of: $0) == family }
  }

  /// Whether it has an address of the family, from wherever.
  package func has(_ family: GuestNetwork.Family) -> Bool {
    switch family {
    case .ipv4: dhcp4 || !addresses(.ipv4).isEmpty
    case .ipv6: dhcp6 || acceptsAdvertisements || !addresses(.ipv6).isEmpty
    }
  }

  /// DHCPv6 hands out no routes (RFC 8415): a guest that asks it for its address takes them from the routers all the same.
  package var hearsRouters: Bool { acceptsAdvertisements || dhcp6 }

  var mac: String? { if case .mac(let mac) = match { mac } else { nil } }
}

extension GuestNetwork {
  /// Of all interfaces, each once.
  var nameservers: [String] { all(\.nameservers) }
  var searchDomains: [String] { all(\.searchDomains) }

  private func all(_ values: (Interface) -> [String]) -> [String] {
    var seen: Set<String> = []
    return interfaces.filter { !$0.isUnconfigured }.flatMap(values).filter { seen.insert($0).inserted }
  }
}

extension GuestNetwork.Family {
  package init(of address: String) { self = address.contains(":") ? .ipv6 : .ipv4 }
}

extension GuestNetwork.Route {
  /// With the default route as the network of all addresses, as older readers want it.
  var network: String { destination ?? (family == .ipv4 ? "0.0.0.0/0" : "::/0") }
}

extension Network.StaticAddress {
  var family: GuestNetwork.Family { GuestNetwork.Family(of: address) }

  /// With its prefix: `192.0.2.7/24`.
  var withPrefix: String { "\(address)/\(prefix)" }

  /// The mask of IPv4: `255.255.255.0`.
  var mask: String {
    let mask = UInt32(truncatingIfNeeded: UInt64(0xFFFF_FFFF) << UInt64(32 - max(0, min(prefix, 32))))
    return [24, 16, 8, 0].map { String(mask >> $0 & 0xFF) }.joined(separator: ".")
  }
}
