// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A word of the key of a network interface: one way in which it gets an address, or its gateway.
package enum NICWord: Hashable, Sendable {
  /// DHCP of IPv4, and IPv6 as routers advertise it.
  case dhcp
  case dhcp4
  case dhcp6
  /// The address that the host gives it.
  case fixed
  case slaac
  /// No address at all.
  case none
  /// An address of its own; nil: with the prefix of the host's network, or of the configuration.
  case address(String, prefix: Int?)
  /// Makes its gateway the guest's.
  case gateway(String)
  /// Leads to a network by a router of its own.
  case route(NICRoute)

  private static let names: [String: NICWord] = [
    "dhcp": .dhcp, "dhcp4": .dhcp4, "dhcp6": .dhcp6, "static": .fixed, "slaac": .slaac, "none": .none,
  ]
  private static let gatewayMark = "gateway:"
  private static let routeMark = "route:"

  /// Nil where the text is not one.
  package init?(_ text: String) {
    if let word = Self.names[text] {
      self = word
      return
    }
    if text.hasPrefix(Self.gatewayMark) {
      let gateway = String(text.dropFirst(Self.gatewayMark.count))
      guard let address = IPAddress(gateway), address.fault(prefix: address.longestPrefix) == nil else { return nil }
      self = .gateway(gateway)
      return
    }
    if text.hasPrefix(Self.routeMark) {
      guard let route = NICRoute(text.dropFirst(Self.routeMark.count)) else { return nil }
      self = .route(route)
      return
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
    let prefix = parts.count == 2 ? Self.prefix(parts[1]) : nil
    if parts.count == 2 {
      guard let prefix, (1...address.longestPrefix).contains(prefix) else { return nil }
    }
    self = .address(String(parts[0]), prefix: prefix)
  }

  /// Of digits alone.
  static func prefix(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
  }

  /// Of the router, where the word names one.
  package var gatewayAddress: String? { if case .gateway(let text) = self { text } else { nil } }

  package var route: NICRoute? { if case .route(let route) = self { route } else { nil } }

  /// The address of the router that the word names, of whatever it is to lead to.
  package var router: String? { gatewayAddress ?? route?.gateway }

  /// Whether the interface may have an address by it.
  var givesAddress: Bool {
    switch self {
    case .dhcp, .dhcp4, .dhcp6, .fixed, .slaac, .address: true
    case .none, .gateway, .route: false
    }
  }

  /// Of the address that others give it: whether that is of IPv6.
  var asksFor: Set<Bool> {
    switch self {
    case .dhcp: [false, true]
    case .dhcp4: [false]
    case .dhcp6, .slaac: [true]
    case .fixed, .none, .address, .gateway, .route: []
    }
  }

  /// Whether an interface with it can't do without IPv6. By DHCP it takes what there is.
  var needsIPv6: Bool {
    switch self {
    case .dhcp6: true
    case .address(let text, _), .gateway(let text): text.contains(":")
    case .route(let route): route.router.isIPv6
    case .dhcp, .dhcp4, .slaac, .fixed, .none: false
    }
  }
}

extension Configuration {
  /// Whose key there is; a host may have more.
  package static let keyedNICs = 0...7

  /// What the key of an interface says; nil where it is not set.
  package func words(ofNIC index: Int) -> [NICWord]? {
    nics[index].map { $0.compactMap { NICWord($0) } }
  }
}
