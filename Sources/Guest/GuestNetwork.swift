// SPDX-License-Identifier: Apache-2.0

/// The network of a guest: every interface that it has, and how each gets its addresses.
///
/// What the guest's own program for it reads is made from this value by a renderer, text in, text out.
package struct GuestNetwork: Sendable, Equatable {
  package enum Family: String, Sendable, CaseIterable { case ipv4, ipv6 }

  /// How a guest knows an interface.
  package enum Match: Sendable, Equatable {
    /// By its MAC address, in lower case with colons.
    case mac(String)
    /// By the order in which the kernel finds them, from 0: of a host that does not tell MAC addresses.
    case order(Int)
  }

  package struct Route: Sendable, Equatable {
    /// A network with its prefix, such as `198.51.100.0/24`; nil: the default route.
    package var destination: String?
    package var gateway: String
    /// Whether the gateway is on the link although no address of the interface is in its network.
    package var isOnLink: Bool

    package init(to destination: String? = nil, by gateway: String, isOnLink: Bool = false) {
      self.destination = destination
      self.gateway = gateway
      self.isOnLink = isOnLink
    }

    package var family: Family { gateway.contains(":") ? .ipv6 : .ipv4 }
  }

  package struct Interface: Sendable, Equatable {
    package var match: Match
    /// In the order of the host, from 0.
    package var index: Int
    package var dhcp4 = false
    package var dhcp6 = false
    /// Whether it takes the addresses that routers advertise (RFC 4862).
    package var acceptsAdvertisements = false
    /// Fixed ones, as many as there are of either family; their `gateway` is in `routes`.
    package var addresses: [Network.StaticAddress] = []
    package var routes: [Route] = []
    /// In bytes; nil: as the link has it.
    package var mtu: Int?
    package var nameservers: [String] = []
    package var searchDomains: [String] = []

    package init(_ match: Match, index: Int) {
      self.match = match
      self.index = index
    }

    /// Whether it is left without an address.
    package var isUnconfigured: Bool { !dhcp4 && !dhcp6 && !acceptsAdvertisements && addresses.isEmpty }
  }

  /// In the order in which the guest sees them.
  package var interfaces: [Interface]

  package init(_ interfaces: [Interface]) { self.interfaces = interfaces }
}
