// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Guest
internal import Interface
internal import Report

/// Which of the gateways that are known is the guest's: one of each family, of the first interface that has one, unless
/// the key of an interface says so. The one that is configured belongs to the interface in whose network it is.
struct DefaultRoutes {
  /// What names it: the key of the interface, the host's network, or `gateway` of the configuration.
  private enum Origin { case key, host, configuration }

  private struct Gateway {
    /// The place of the interface among the others.
    let index: Int
    let text: String
    let address: IPAddress
    let origin: Origin
    let interface: GuestNetwork.Interface

    var isReached: Bool { interface.reaches(text) }
  }

  private let configured: String?
  /// In the order of the interfaces.
  private var gateways: [Gateway] = []
  private var interfaces: [GuestNetwork.Interface] = []

  init(_ configuration: Configuration) {
    configured = configuration.gateway
  }

  /// Takes the gateways of the next interface.
  mutating func add(_ source: AddressSource, _ interface: GuestNetwork.Interface) throws(Failure) {
    interfaces.append(interface)
    let nic = source.nic
    let own = (source.configuration.words(ofNIC: nic.index) ?? []).compactMap(\.gatewayAddress)
    if let fault = interface.fixed.fault(ofGateways: own) {
      throw Failure(.invalid, "nic_\(nic.index) \(fault.words)", remedy: fault.remedy)
    }
    let place = interfaces.count - 1
    var explicit: Set<Bool> = []
    for text in own {
      guard let address = IPAddress(text) else { continue }
      explicit.insert(address.isIPv6)
      try add(text, address, by: .key, ofInterfaceAt: place)
    }
    for isIPv6 in [false, true] where interface.hasFixed(ipv6: isIPv6) && !explicit.contains(isIPv6) {
      guard let told = isIPv6 ? nic.network?.gateway6 : nic.network?.gateway else { continue }
      guard let address = IPAddress(told), address.isIPv6 == isIPv6 else {
        throw Failure(
          .invalid,
          "the gateway that the host's network of interface \(nic.index) has, \(told), is not an address of "
            + (isIPv6 ? "IPv6" : "IPv4"), remedy: "correct the gateway of that network")
      }
      try add(told, address, by: .host, ofInterfaceAt: place)
    }
  }

  /// The one that is configured: where no interface with an address of its family is in its network, it is of the first. An interface
  /// that has another one keeps that.
  private mutating func addConfigured() throws(Failure) {
    guard let configured, let address = IPAddress(configured) else { return }
    let fitting = interfaces.indices.filter { interfaces[$0].hasFixed(ipv6: address.isIPv6) }
    guard let place = fitting.first(where: { interfaces[$0].reaches(configured) }) ?? fitting.first,
      !gateways.contains(where: { $0.index == place && $0.address.isIPv6 == address.isIPv6 })
    else { return }
    try add(configured, address, by: .configuration, ofInterfaceAt: place)
  }

  private mutating func add(
    _ text: String, _ address: IPAddress, by origin: Origin, ofInterfaceAt place: Int
  ) throws(Failure) {
    let interface = interfaces[place]
    if let reason = interface.fixed.fault(ofGateway: address) {
      throw Failure(
        .invalid, "\(text) can't be the gateway of interface \(interface.index): it is \(reason)",
        remedy: "name the address of the router")
    }
    let gateway = Gateway(index: place, text: text, address: address, origin: origin, interface: interface)
    gateways.insert(gateway, at: gateways.firstIndex { $0.index > place } ?? gateways.endIndex)
  }

  /// Of those of one family: the first, but for a configured one in no network of an interface where another one is in one.
  private static func chosen(of gateways: [Gateway]) -> Gateway? {
    if let explicit = gateways.first(where: { $0.origin == .key }) { return explicit }
    guard let first = gateways.first, first.origin == .configuration, !first.isReached else { return gateways.first }
    return gateways.first(where: \.isReached) ?? first
  }

  /// Gives the guest its routes; returns what is to be told of the gateways that are not used.
  mutating func apply(to network: inout GuestNetwork) throws(Failure) -> [String] {
    try addConfigured()
    var notes: [String] = []
    for isIPv6 in [false, true] {
      let all = gateways.filter { $0.address.isIPv6 == isIPv6 }
      guard let chosen = Self.chosen(of: all) else { continue }
      network.interfaces[chosen.index].routes.append(
        GuestNetwork.Route(by: chosen.text, isOnLink: !chosen.isReached))
      notes += all.filter { $0.index != chosen.index }.map { other in
        "the gateway \(other.text) of interface \(other.interface.index) is not used: the default route of "
          + "\(chosen.address.familyName) is by \(chosen.text) on interface \(chosen.interface.index)"
      }
    }
    try refuseOtherFamily(network)
    return notes + Self.notesOfOthers(network.interfaces)
  }

  /// What is to be told where interfaces that use DHCP or hear routers may get default routes beside another one: how the guest ranks
  /// them is its own affair. Once, where both families have the same.
  private static func notesOfOthers(_ interfaces: [GuestNetwork.Interface]) -> [String] {
    let (four, six) = (interfaces.filter(\.dhcp4).map(\.index), interfaces.filter(\.hearsRouters).map(\.index))
    if four == six, interfaces.allSatisfy(\.routes.isEmpty) {
      return four.count > 1 ? ["\(words(four)) may each get a default route by DHCP: \(decision)"] : []
    }
    return [note(.ipv4, four, interfaces), note(.ipv6, six, interfaces)].compactMap { $0 }
  }

  private static let decision = "the guest decides which is used"

  /// Of one family, of which these interfaces may get a default route from others; nil where there is one default route at most.
  private static func note(
    _ family: GuestNetwork.Family, _ asking: [Int], _ interfaces: [GuestNetwork.Interface]
  ) -> String? {
    let (name, way) = family == .ipv4 ? ("IPv4", "by DHCP") : ("IPv6", "as routers advertise it")
    let each = asking.count > 1 ? "each " : ""
    for interface in interfaces {
      guard let route = interface.routes.first(where: { $0.family == family }) else { continue }
      guard !asking.isEmpty else { return nil }
      let others = asking == [interface.index] ? "" : words(asking) + " "
      return "interface \(interface.index) has the gateway \(route.gateway), and \(others)may \(each)get another "
        + "default route of \(name) \(way): \(decision)"
    }
    return asking.count > 1
      ? "\(words(asking)) may each get a default route of \(name) \(way): \(decision)" : nil
  }

  /// `interface 1`, or `interfaces 0 and 1`
  private static func words(_ indices: [Int]) -> String {
    "interface\(indices.count == 1 ? "" : "s") \(Words.list(indices.map { "\($0)" }))"
  }

  /// A gateway that is configured, where no address of its family is, and no other gateway.
  private func refuseOtherFamily(_ network: GuestNetwork) throws(Failure) {
    guard let configured, let address = IPAddress(configured), gateways.isEmpty,
      let fixed = network.fixedAddresses.first
    else { return }
    throw Failure(
      .invalid, "the gateway \(configured) is an address of \(address.familyName), and \(fixed.address) is not",
      remedy: "set gateway to an address of the other family, or leave it out")
  }
}

extension GuestNetwork.Interface {
  var fixed: NICAddresses {
    NICAddresses(addresses.map { (address: $0.address, prefix: $0.prefix) })
  }

  /// Whether a gateway is on its link by its own address, or in a network of it; those that others give it are not known.
  func reaches(_ gateway: String) -> Bool {
    guard let gateway = IPAddress(gateway) else { return false }
    return gateway.isIPv6 && gateway.isOfLink || !hasFixed(ipv6: gateway.isIPv6) || fixed.haveInNetwork(gateway)
  }

  fileprivate func hasFixed(ipv6: Bool) -> Bool { addresses.contains { $0.address.contains(":") == ipv6 } }
}
