// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A network that a guest reaches by a router beside its default one, as a key has it: `203.0.113.0/24@192.0.2.254`.
package struct NICRoute: Hashable, Sendable {
  /// With its prefix.
  package let network: String
  package let gateway: String

  let address: IPAddress
  let prefix: Int
  let router: IPAddress

  /// Nil where the text is not two addresses of one family, the first with a prefix, the second of a machine.
  init?(_ text: Substring) {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    let network = parts[0].split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, network.count == 2, let address = IPAddress(network[0]), let router = IPAddress(parts[1]),
      let prefix = NICWord.prefix(network[1]), (1...address.longestPrefix).contains(prefix),
      router.isIPv6 == address.isIPv6, router.fault(prefix: router.longestPrefix) == nil
    else { return nil }
    (self.network, gateway) = (String(parts[0]), String(parts[1]))
    (self.address, self.prefix, self.router) = (address, prefix, router)
  }

  /// Whether both are to the same network, however it is written.
  func leads(toThatOf other: NICRoute) -> Bool { prefix == other.prefix && address == other.address }
}

extension NICAddresses {
  /// What is wrong with the routes that the key of the interface has, as it follows the name of the key; nil where they can work.
  ///
  /// - Parameter asking: the families, IPv6 or not, of which the interface gets addresses from others. A router advertises routes
  ///   late or never, so that a router of IPv6 has to be known by its address on the link then.
  package func fault(ofRoutes routes: [NICRoute], asking: Set<Bool>) -> (words: String, remedy: String)? {
    for route in routes {
      guard !route.address.hasBits(behind: route.prefix) else {
        return (
          words: "has a route to \(route.network), and that is not the address of a network",
          remedy: "write the address with zeros behind its prefix"
        )
      }
      if let reason = fault(ofGateway: route.router) {
        return (
          words: "has a route by \(route.gateway), and that is \(reason)", remedy: "name the address of the router"
        )
      }
      guard !isInOwnNetwork(route) else {
        return (
          words: "has a route to \(route.network), and that is the network of its own address",
          remedy: "leave the route out: what is in that network needs none"
        )
      }
      let family = route.router.isIPv6
      let isAsked = asking.contains(family) && (!family || route.router.isOfLink)
      guard has(ipv6: family) || mayHaveMore || isAsked else {
        return (
          words: "has a route by \(route.gateway), and no static address of \(route.router.familyName)",
          remedy: Self.remedy(forLackOf: route, asking)
        )
      }
    }
    return nil
  }

  private static func remedy(forLackOf route: NICRoute, _ asking: Set<Bool>) -> String {
    guard route.router.isIPv6 else { return "add an address of IPv4 to it, or \"dhcp4\"" }
    var ways = asking.contains(true) ? [] : ["\"slaac\""]
    if !route.router.isOfLink { ways.append("name the router by its address on the link") }
    return "add an address of IPv6 to it, or \(ways.joined(separator: " and "))"
  }
}
