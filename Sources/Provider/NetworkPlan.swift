// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Guest
internal import Interface
internal import Report

/// Gives the addresses of a name.
typealias Resolver = (String) throws(Failure) -> [String]

/// The network of a guest, as what the host tells of its interfaces and the configuration make it: one that can work.
///
/// What each interface gets is said by its key, else by `address`, else by the tags of the host's network; the first
/// interface of a host that tells nothing uses DHCP.
struct NetworkPlan {
  private(set) var network: GuestNetwork
  /// What stays unconfigured or is left out, and why.
  private(set) var notes: [String] = []

  /// - Throws: `.invalid` for what can't work.
  init(_ request: Request, _ configuration: Configuration, _ resolve: @escaping Resolver) throws(Failure) {
    // A host of version 5 tells of none.
    let nics = request.nics.isEmpty ? [RequestedNIC(index: 0)] : request.nics
    let macs = try Self.macs(of: nics)
    network = GuestNetwork([])
    var gateways = DefaultRoutes(configuration)
    for (nic, mac) in zip(nics, macs) {
      let source = AddressSource(nic: nic, request: request, configuration: configuration, resolve: resolve)
      var interface = GuestNetwork.Interface(mac.map { .mac($0) } ?? .order(nic.index), index: nic.index)
      let note = try source.configure(&interface)
      if let note { notes.append(note) }
      if !interface.isUnconfigured { interface.mtu = configuration.mtu }
      try Self.refuseSmallMTU(interface, configuration)
      try gateways.add(source, interface)
      network.interfaces.append(interface)
    }
    try refuseDoubleAddresses()
    try refuseRoutersOfOthers(configuration)
    notes += try gateways.apply(to: &network)
    addNameServers(configuration)
    try addRoutes(configuration)
    try refuseOwnGateways()
    notes += Self.strayKeys(configuration, count: request.nics.count)
    if nics.count > 1 {
      for (nic, mac) in zip(nics, macs) where mac == nil {
        notes.append("the host does not tell the MAC address of \(nic.words): the guest knows it by its order")
      }
    }
  }

  /// Whether the guest gets an address that the host or the configuration says.
  var isFixed: Bool { !network.fixedAddresses.isEmpty }

  /// Whether it is one interface that uses DHCP, and nothing more is said of it.
  var isPlain: Bool {
    var plain = GuestNetwork.standard
    guard network.interfaces.count == 1 else { return false }
    plain.interfaces[0].match = network.interfaces[0].match
    return network == plain
  }

  /// Of each interface, in lower case with colons; nil where the host does not tell.
  private static func macs(of nics: [RequestedNIC]) throws(Failure) -> [String?] {
    var first: [String: RequestedNIC] = [:]
    return try nics.map { nic throws(Failure) in
      guard let text = nic.mac else { return nil }
      let mac = text.lowercased()
      let pairs = mac.split(separator: ":", omittingEmptySubsequences: false)
      guard pairs.count == 6, pairs.allSatisfy({ $0.utf8.count == 2 && $0.allSatisfy(\.isHexDigit) }) else {
        throw Failure(
          .invalid, "the MAC address of interface \(nic.index) is not one: \(text.quoted)",
          remedy: "six pairs of hexadecimal digits between colons are one")
      }
      if let other = first.updateValue(nic, forKey: mac) {
        throw Failure(
          .invalid, "the interfaces \(other.index) and \(nic.index) have the same MAC address, \(mac)",
          remedy: "give each interface of the instance a MAC address of its own")
      }
      return mac
    }
  }

  /// What the keys say is refused before; here, with what the host says.
  private static func refuseSmallMTU(
    _ interface: GuestNetwork.Interface, _ configuration: Configuration
  ) throws(Failure) {
    guard interface.needsIPv6, let fault = configuration.mtuFault("interface \(interface.index)") else { return }
    throw Failure(.invalid, "mtu \(fault.words)", remedy: fault.remedy)
  }

  private func refuseDoubleAddresses() throws(Failure) {
    var first: [IPAddress: Int] = [:]
    for interface in network.interfaces {
      for text in interface.addresses.map(\.address) {
        guard let address = IPAddress(text), let other = first.updateValue(interface.index, forKey: address) else {
          continue
        }
        let place =
          other == interface.index
          ? "interface \(other) gets the address \(text) twice"
          : "the interfaces \(other) and \(interface.index) get the same address, \(text)"
        throw Failure(.invalid, place, remedy: "give each interface of the instance an address of its own")
      }
    }
  }

  /// What the keys say alone is refused before; here, with the addresses that the host gives.
  private func refuseRoutersOfOthers(_ configuration: Configuration) throws(Failure) {
    let all = network.interfaces.map { (index: $0.index, addresses: $0.fixed) }
    for (index, addresses) in all {
      let routers = NICAddresses.routers(of: configuration.words(ofNIC: index) ?? [])
      guard let fault = addresses.fault(ofRouters: routers, among: all) else { continue }
      throw Failure(.invalid, "nic_\(index) \(fault.words)", remedy: fault.remedy)
    }
  }

  /// Gives each server to the interface by which the guest reaches its family, or else to the one for the other family, and the domains
  /// to the first interface that has a server.
  private mutating func addNameServers(_ configuration: Configuration) {
    guard let leading = placeForServers(of: .ipv4) ?? placeForServers(of: .ipv6) else { return }
    for server in configuration.nameservers {
      let family = GuestNetwork.Family(of: server)
      let place = placeForServers(of: family)
      if place == nil, IPAddress(server)?.isOfLoopback != true {
        notes.append(
          "the guest can't reach the name server \(server): none of its interfaces gets an address of "
            + (family == .ipv4 ? "IPv4" : "IPv6"))
      }
      network.interfaces[place ?? leading].nameservers.append(server)
    }
    let first = network.interfaces.firstIndex { !$0.nameservers.isEmpty }
    network.interfaces[first ?? leading].searchDomains = configuration.search
  }

  /// The interface that has the default route of a family, else one that may get it by DHCP, else any with an address of it.
  private func placeForServers(of family: GuestNetwork.Family) -> Int? {
    let interfaces = network.interfaces
    return interfaces.firstIndex { $0.defaultRoute(family) != nil }
      ?? interfaces.firstIndex { family == .ipv4 ? $0.dhcp4 : $0.dhcp6 }
      ?? interfaces.firstIndex { $0.has(family) }
  }

  /// The networks that the keys have interfaces reach by routers of their own.
  private mutating func addRoutes(_ configuration: Configuration) throws(Failure) {
    for (place, interface) in network.interfaces.enumerated() {
      let routes = (configuration.words(ofNIC: interface.index) ?? []).compactMap(\.route)
      var asking: Set<Bool> = interface.dhcp4 ? [false] : []
      if interface.dhcp6 || interface.acceptsAdvertisements { asking.insert(true) }
      if let fault = interface.fixed.fault(ofRoutes: routes, asking: asking) {
        throw Failure(.invalid, "nic_\(interface.index) \(fault.words)", remedy: fault.remedy)
      }
      for route in routes {
        let other = network.interfaces.first { $0.index != interface.index && $0.fixed.isInOwnNetwork(route) }
        guard let other else { continue }
        throw Failure(
          .invalid,
          "nic_\(interface.index) has a route to \(route.network), and that is the network of interface \(other.index)",
          remedy: "leave the route out: that interface reaches the network itself")
      }
      network.interfaces[place].routes += routes.map { route in
        GuestNetwork.Route(to: route.network, by: route.gateway, isOnLink: !interface.reaches(route.gateway))
      }
    }
  }

  private func refuseOwnGateways() throws(Failure) {
    let own = Set(network.fixedAddresses.compactMap { IPAddress($0.address) })
    for route in network.interfaces.flatMap(\.routes) {
      guard let gateway = IPAddress(route.gateway), own.contains(gateway) else { continue }
      throw Failure(
        .invalid, "the gateway \(route.gateway) is an address of the guest itself",
        remedy: "name the address of the router, or give the guest another address")
    }
  }

  private static func strayKeys(_ configuration: Configuration, count: Int) -> [String] {
    Configuration.keyedNICs.filter { $0 >= max(count, 1) && configuration.words(ofNIC: $0) != nil }.map { index in
      let interfaces =
        count == 0 ? "the host tells of no interface" : "the instance has \(count) interface\(count == 1 ? "" : "s")"
      return "nic_\(index) is set and not used: \(interfaces)"
    }
  }
}

extension RequestedNIC {
  /// `interface 1, aa:00:00:00:00:01`
  var words: String { "interface \(index)" + (mac.map { ", \($0)" } ?? "") }
}

extension GuestNetwork.Interface {
  /// Whether it has a fixed address of IPv6, or no other way to an address; IPv6 that comes beside IPv4 can be missing.
  fileprivate var needsIPv6: Bool {
    addresses.isEmpty ? !dhcp4 && (dhcp6 || acceptsAdvertisements) : addresses.contains { $0.address.contains(":") }
  }
}
