// SPDX-License-Identifier: Apache-2.0
package import Report

/// The fixed addresses of an interface, by which its gateways are judged: as far as its key tells them, and once the host
/// was asked, all.
package struct NICAddresses {
  /// Their prefixes are nil where only the host tells them.
  private var known: [(address: IPAddress, prefix: Int?)] = []
  /// How many more the host may give it, each of another family.
  private var further = 0

  /// All that the interface has.
  package init(_ addresses: [(address: String, prefix: Int)]) {
    for own in addresses {
      if let address = IPAddress(own.address) { known.append((address: address, prefix: own.prefix)) }
    }
  }

  /// Those that a key tells.
  init(_ words: [NICWord], ofNIC index: Int) {
    for word in words {
      switch word {
      case .address(let text, let prefix):
        if let address = IPAddress(text) { known.append((address: address, prefix: prefix)) }
      // The name of the guest may have one of each family, and they go to the first interface.
      case .fixed: further = index == 0 ? 2 : 1
      default: break
      }
    }
  }

  /// Whether an address of that family has a prefix as long as itself.
  private func isAlone(ipv6: Bool) -> Bool {
    known.contains { $0.address.isIPv6 == ipv6 && $0.prefix == $0.address.longestPrefix }
  }

  func has(ipv6: Bool) -> Bool { known.contains { $0.address.isIPv6 == ipv6 } }

  /// Whether the host may give it another one, of which the key does not tell the family.
  var mayHaveMore: Bool { further > 0 }

  /// Whether a route leads to what the interface reaches without one.
  package func isInOwnNetwork(_ route: NICRoute) -> Bool {
    known.contains { $0.prefix == route.prefix && $0.address.isNear(route.address, prefix: route.prefix) }
  }

  /// Whether a router is in the network of one of them, as far as that is known.
  package func haveInNetwork(_ router: IPAddress) -> Bool {
    known.contains { own in own.prefix.map { own.address.isNear(router, prefix: $0) } == true }
  }

  /// The routers that a key names: none where its interface gets addresses besides, of networks that are not known here.
  package static func routers(of words: [NICWord]) -> [String] {
    let others: Set<NICWord> = [.dhcp, .dhcp4, .dhcp6, .slaac]
    return words.contains(where: others.contains) ? [] : words.compactMap(\.router)
  }

  /// What is wrong with a router that only another interface has in a network, as it follows the name of the key; nil where the
  /// interface may reach each of them. With an address outside of all networks a router is on the link; so it may be where an address
  /// of the interface is a network by itself.
  ///
  /// - Parameter all: the addresses of all interfaces.
  package func fault(
    ofRouters texts: [String], among all: [(index: Int, addresses: NICAddresses)]
  ) -> (words: String, remedy: String)? {
    guard !mayHaveMore, known.allSatisfy({ $0.prefix != nil }) else { return nil }
    for text in texts {
      guard let router = IPAddress(text), has(ipv6: router.isIPv6), !isAlone(ipv6: router.isIPv6),
        !(router.isIPv6 && router.isOfLink), !haveInNetwork(router),
        let other = all.first(where: { $0.addresses.haveInNetwork(router) })
      else { continue }
      return (
        words: "has the router \(text), which is in the network of interface \(other.index)",
        remedy: "move it to nic_\(other.index), or name the router of this interface"
      )
    }
    return nil
  }

  /// Why no router that the interface can reach has this address, as it follows "it is"; nil where one can have it.
  package func fault(ofGateway gateway: IPAddress) -> String? {
    for own in known {
      guard let prefix = own.prefix, own.address.isNear(gateway, prefix: prefix) else { continue }
      if let reason = gateway.fault(prefix: prefix) { return reason }
    }
    return gateway.fault(prefix: gateway.longestPrefix)
  }

  /// What is wrong with the gateways that the key of the interface has, as it follows the name of the key; nil where they
  /// can work.
  package func fault(ofGateways texts: [String]) -> (words: String, remedy: String)? {
    let gateways = texts.compactMap { IPAddress($0) }
    for (text, gateway) in zip(texts, gateways) {
      guard let reason = fault(ofGateway: gateway) else { continue }
      return (words: "has the gateway \(text), and that is \(reason)", remedy: "name the address of the router")
    }
    let lacking = zip(texts, gateways).filter { !has(ipv6: $0.1.isIPv6) }
    guard let (text, gateway) = lacking.first, Set(lacking.map { $0.1.isIPv6 }).count > further else { return nil }
    guard further == 0 else {
      return (
        words: "has gateways of both families, and \"static\" gives it one address",
        remedy: "add an address of the other family to it, or leave one of the gateways out"
      )
    }
    return (
      words: "has the gateway \(text), and no static address of \(gateway.familyName)",
      remedy: "add an address of \(gateway.familyName) to it, or leave the gateway out"
    )
  }
}
