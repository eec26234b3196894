// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Guest
internal import Interface
internal import Report

/// How one interface gets its addresses.
struct AddressSource {
  let nic: RequestedNIC
  let request: Request
  let configuration: Configuration
  let resolve: Resolver

  /// Of Ganeti's networks, as snf-image takes them: DHCP, autoconfiguration, and DHCPv6.
  private static let tagsOfDHCP: Set = ["dhcp", "nfdhcpd", "auto"]
  private static let tagsOfAutoconfiguration: Set = ["slaac", "nfdhcpd", "stateless", "stateless_dhcpv6"]
  private static let tagsOfDHCP6: Set = ["stateful", "stateful_dhcpv6", "dhcpv6"]

  /// Fills in what the interface gets; returns why it gets nothing, where that is to be told.
  func configure(_ interface: inout GuestNetwork.Interface) throws(Failure) -> String? {
    if let words = configuration.words(ofNIC: nic.index) {
      for word in words { try add(word, to: &interface) }
      return nil
    }
    switch configuration.address {
    case .dhcp: try addTagged(to: &interface)
    case .fixed where nic.ip == nil && !isFirst:
      return "\(nic.words), stays unconfigured in the guest: address = \"static\", and the host gives it no address"
    case .fixed:
      interface.addresses = try hostAddresses()
      interface.acceptsAdvertisements = !interface.addresses.contains { $0.address.contains(":") }
    }
    return nil
  }

  private func add(_ word: NICWord, to interface: inout GuestNetwork.Interface) throws(Failure) {
    switch word {
    case .dhcp: (interface.dhcp4, interface.dhcp6, interface.acceptsAdvertisements) = (true, true, true)
    case .dhcp4: interface.dhcp4 = true
    // The routers tell of the gateway, also where addresses are by DHCP.
    case .dhcp6: (interface.dhcp6, interface.acceptsAdvertisements) = (true, true)
    case .slaac: interface.acceptsAdvertisements = true
    case .fixed: interface.addresses += try hostAddresses()
    case .address(let address, let prefix): interface.addresses.append(try checked(address, prefix: prefix))
    case .gateway, .route, .none: break
    }
  }

  /// Of tags that tell of IPv6 alone nothing follows for IPv4: there the interface has the address that the host gives it, if any.
  private func addTagged(to interface: inout GuestNetwork.Interface) throws(Failure) {
    let tags = Set(nic.network?.tags ?? [])
    interface.dhcp4 = !tags.isDisjoint(with: Self.tagsOfDHCP)
    interface.dhcp6 = !tags.isDisjoint(with: Self.tagsOfDHCP6)
    interface.acceptsAdvertisements = interface.dhcp6 || !tags.isDisjoint(with: Self.tagsOfAutoconfiguration)
    if interface.isUnconfigured {
      (interface.dhcp4, interface.dhcp6, interface.acceptsAdvertisements) = (true, true, true)
    } else if !interface.dhcp4, let own = nic.ip, !own.contains(":") {
      interface.addresses = [try checked(own, prefix: nil)]
    }
  }

  private var isFirst: Bool { nic.index == 0 }

  /// The address that the host gives the interface; of the first one else that of the name, and one of the other family
  /// where the name has it and the host's network tells the prefix.
  private func hostAddresses() throws(Failure) -> [Network.StaticAddress] {
    var own = nic.ip
    if own == nil, isFirst { own = try address(of: request.instance.text) }
    guard let own else {
      throw Failure(
        .invalid, "nic_\(nic.index) = \"static\", and the host gives \(nic.words), no address",
        remedy: "give the interface an address, or write it into nic_\(nic.index), such as \"192.0.2.7/24\"")
    }
    let first = try checked(own, prefix: nil)
    guard isFirst else { return [first] }
    let isIPv6 = own.contains(":")
    guard (isIPv6 ? nic.network?.subnet : nic.network?.subnet6) != nil else { return [first] }
    // A name that is not known has the address that the host tells, and no other.
    let others = ((try? resolve(request.instance.text)) ?? []).filter {
      $0.contains(":") != isIPv6 && isInNetwork($0)
    }
    return try [first] + others.prefix(1).map { other throws(Failure) in try checked(other, prefix: nil) }
  }

  /// The first address of a name that is in the host's network, and whose prefix is known; else the first.
  private func address(of name: String) throws(Failure) -> String {
    let addresses: [String]
    do {
      addresses = try resolve(name)
    } catch {
      throw Failure(
        .invalid, "\(name) lacks an address, and the configuration says address = \"static\": \(error.message)",
        remedy: "give the instance's first interface an address, enter the name into the DNS or /etc/hosts, or set "
          + "address = \"dhcp\"")
    }
    let fitting = addresses.filter(isInNetwork)
    guard let address = fitting.first(where: hasKnownPrefix) ?? fitting.first ?? addresses.first else {
      throw Failure(.invalid, "\(name) lacks an address")
    }
    return address
  }

  /// Whether the host's network has it, where that is known.
  private func isInNetwork(_ text: String) -> Bool {
    guard let address = IPAddress(text), let subnet = subnet(of: address) else { return true }
    return IPAddress(subnet.address)?.isNear(address, prefix: subnet.prefix) == true
  }

  private func subnet(of address: IPAddress) -> RequestedNIC.Subnet? {
    address.isIPv6 ? nic.network?.subnet6 : nic.network?.subnet
  }

  /// Of an address without one of its own: that of the host's network, else the configured one. One that an address of IPv4 can have
  /// is not meant for IPv6.
  private func knownPrefix(of address: IPAddress) -> Int? {
    if let subnet = subnet(of: address) { return subnet.prefix }
    return configuration.prefix.flatMap { address.isIPv6 && $0 <= 32 ? nil : $0 }
  }

  private func hasKnownPrefix(_ text: String) -> Bool {
    guard let address = IPAddress(text), let prefix = knownPrefix(of: address) else { return false }
    return prefix <= address.longestPrefix
  }

  /// An address that the interface can have, with its prefix: its own, or else the one that is known.
  private func checked(_ text: String, prefix own: Int?) throws(Failure) -> Network.StaticAddress {
    guard let address = IPAddress(text) else {
      throw Failure(
        .invalid, "the address of interface \(nic.index) is not one: \(text.quoted)",
        remedy: "correct the address of the instance's interface")
    }
    let subnet = subnet(of: address)
    if own == nil, let subnet, !isInNetwork(text) {
      throw Failure(
        .invalid,
        "\(request.instance) can't have the address \(text) on interface \(nic.index): the host's network there is "
          + "\(subnet.address)/\(subnet.prefix)",
        remedy: "give the interface, or its name in the DNS, an address of that network, or correct the network")
    }
    guard let prefix = own ?? knownPrefix(of: address) else {
      let example =
        address.isIPv6
        ? "write it behind the address, such as nic_\(nic.index) = \"\(text)/64\""
        : "set prefix in the configuration, such as prefix = 24"
      throw Failure(
        .invalid, "no prefix length is known for the static address \(text) of \(request.instance)",
        remedy: "\(example), or connect the interface to a network of the host")
    }
    guard prefix <= address.longestPrefix else {
      throw Failure(
        .invalid, "the prefix \(prefix) is longer than the address \(text)",
        remedy: "set prefix to \(address.longestPrefix) at most")
    }
    let fault = prefix < 1 ? "in a network of all addresses" : address.fault(prefix: prefix)
    if let fault {
      throw Failure(
        .invalid,
        "\(request.instance) can't have the address \(text)/\(prefix) on interface \(nic.index): it is \(fault)",
        remedy: "give the interface an address of one machine, or correct the prefix")
    }
    return Network.StaticAddress(text, prefix: prefix)
  }
}
