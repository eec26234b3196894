// SPDX-License-Identifier: Apache-2.0
internal import Report

/// What can't work of a guest's network, whatever the host says.
extension Configuration {
  /// What is wrong with the keys of interfaces, and with what is for all of them.
  func nicFaults() -> [(key: String, words: String, remedy: String)] {
    var faults: [(key: String, words: String, remedy: String)] = []
    var (addresses, gateways): ([IPAddress: String], [Bool: (key: String, address: IPAddress)]) = ([:], [:])
    for index in Self.keyedNICs {
      guard let texts = nics[index] else { continue }
      let (key, words) = ("nic_\(index)", words(ofNIC: index) ?? [])
      let routers = words.compactMap(\.gatewayAddress)
      let fixed = NICAddresses(words, ofNIC: index)
      let asking = words.reduce(into: Set()) { $0.formUnion($1.asksFor) }
      if words.contains(.none), words.count > 1 {
        faults.append((key, "has \"none\" and more", "leave \"none\" out, or the rest"))
      } else if !words.isEmpty, words != [.none], !words.contains(where: \.givesAddress) {
        let what = routers.isEmpty ? "route" : "gateway"
        faults.append((key, "has a \(what) and no address", "add \"static\", or an address such as \"192.0.2.7/24\""))
      } else if let fault = fixed.fault(ofGateways: routers)
        ?? fixed.fault(ofRoutes: words.compactMap(\.route), asking: asking)
      {
        faults.append((key, fault.words, fault.remedy))
      }
      if words.filter({ $0 == .fixed }).count > 1 {
        faults.append((key, "has \"static\" twice", "give each address once"))
      }
      for (text, word) in zip(texts, words) {
        guard case .address(let address, let prefix) = word, let own = IPAddress(address) else { continue }
        if let fault = own.fault(prefix: prefix ?? own.longestPrefix) {
          faults.append((key, "has \"\(text)\", and that is \(fault)", "give it an address of one machine"))
        }
        if let other = addresses.updateValue(key, forKey: own) {
          let place = other == key ? "has \"\(text)\" twice" : "has \"\(text)\", which \(other) has too"
          faults.append((key, place, "give each address once"))
        }
      }
      for gateway in routers.compactMap({ IPAddress($0) }) {
        guard let other = gateways.updateValue((key, gateway), forKey: gateway.isIPv6), other.address != gateway else {
          continue
        }
        faults.append(
          (
            key,
            "has another gateway of \(gateway.familyName) than \(other.key): a guest has one default route of each",
            "leave one of the two out"
          ))
      }
    }
    faults += routeFaults(addresses) + routerFaults()
    for (_, gateway) in gateways.sorted(by: { $0.value.key < $1.value.key }) {
      guard let owner = addresses[gateway.address] else { continue }
      faults.append(
        (gateway.key, "has a gateway that is an address of the guest itself, by \(owner)", "name another machine"))
    }
    if let gateway, let router = IPAddress(gateway), let fault = gatewayFault(router, addresses) {
      faults.append(("gateway", "= \"\(gateway)\" \(fault.words)", fault.remedy))
    }
    // One may run in the guest.
    for text in nameservers {
      guard let server = IPAddress(text), !server.isOfLoopback, let fault = server.fault(prefix: server.longestPrefix)
      else { continue }
      faults.append(("nameservers", "has \"\(text)\", and that is \(fault)", "name the address of a name server"))
    }
    // Beside IPv4 it takes what routers advertise, where that is possible.
    let needing = Self.keyedNICs.first { index in
      let said = words(ofNIC: index) ?? []
      return said == [.slaac] || said.contains(where: \.needsIPv6)
    }
    if let needing, let fault = mtuFault("nic_\(needing)") {
      faults.append(("mtu", fault.words, fault.remedy))
    }
    return faults
  }

  /// What is wrong with the routes of all interfaces together.
  ///
  /// - Parameter owners: the keys that have fixed addresses, by these.
  private func routeFaults(_ owners: [IPAddress: String]) -> [(key: String, words: String, remedy: String)] {
    var faults: [(key: String, words: String, remedy: String)] = []
    var before: [(key: String, route: NICRoute)] = []
    let fixed = Self.keyedNICs.map { (index: $0, addresses: NICAddresses(words(ofNIC: $0) ?? [], ofNIC: $0)) }
    for index in Self.keyedNICs {
      for route in (words(ofNIC: index) ?? []).compactMap(\.route) {
        let key = "nic_\(index)"
        if let owner = owners[route.router] {
          let words = "has a route by \(route.gateway), which is an address of the guest itself, by \(owner)"
          faults.append((key, words, "name another machine"))
        }
        if let other = fixed.first(where: { $0.index != index && $0.addresses.isInOwnNetwork(route) }) {
          let words = "has a route to \(route.network), and that is the network of an address of nic_\(other.index)"
          faults.append((key, words, "leave the route out: that interface reaches the network itself"))
        }
        if let other = before.first(where: { $0.route.leads(toThatOf: route) }) {
          let place = other.key == key ? "twice" : "and so has \(other.key)"
          faults.append((key, "has a route to \(route.network) \(place)", "give each network one route"))
        }
        before.append((key, route))
      }
    }
    return faults
  }

  /// What is wrong with the routers of an interface beside the addresses of the others.
  private func routerFaults() -> [(key: String, words: String, remedy: String)] {
    let all = Self.keyedNICs.map { (index: $0, addresses: NICAddresses(words(ofNIC: $0) ?? [], ofNIC: $0)) }
    var faults: [(key: String, words: String, remedy: String)] = []
    for (index, addresses) in all {
      let routers = NICAddresses.routers(of: words(ofNIC: index) ?? [])
      guard let fault = addresses.fault(ofRouters: routers, among: all) else { continue }
      faults.append(("nic_\(index)", fault.words, fault.remedy))
    }
    return faults
  }

  /// Why `gateway` can't be one, as it follows the key and its value. The rest depends on whether the host tells another.
  ///
  /// - Parameter owners: the keys that have fixed addresses, by these.
  private func gatewayFault(_ router: IPAddress, _ owners: [IPAddress: String]) -> (words: String, remedy: String)? {
    if let fault = router.fault(prefix: router.longestPrefix) {
      return (words: "is \(fault)", remedy: "name the address of the router")
    }
    return owners[router].map {
      (words: "is an address of the guest itself, by \($0)", remedy: "name another machine")
    }
  }

  /// The least that a link has to carry for IPv6 (RFC 8200, 5); below that Linux has none on it.
  private static let leastOfIPv6 = 1280

  /// What is wrong with `mtu` where an interface needs IPv6, as it follows the name of the key; nil where it is enough.
  ///
  /// - Parameter place: the interface, or its key.
  package func mtuFault(_ place: String) -> (words: String, remedy: String)? {
    guard let mtu, mtu < Self.leastOfIPv6 else { return nil }
    return (
      words: "= \(mtu) is less than the \(Self.leastOfIPv6) bytes that IPv6 needs, and \(place) has IPv6",
      remedy: "set mtu to \(Self.leastOfIPv6) or more, or leave IPv6 out there"
    )
  }
}
