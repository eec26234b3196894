// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Stanzas of `/etc/network/interfaces`, as interfaces(5) of ifupdown has them, ifupdown2, ifupdown-ng and BusyBox.
///
/// ifupdown can match a MAC address by itself (`auto mac/…=name`), but only among the interfaces that are there when it
/// starts: it then does not wait for any. By a name it does, and each of the four reads it.
enum InterfacesFile {
  static let path: ByteString = "/etc/network/interfaces"
  /// As ifupdown's folder `interfaces.d` takes it: a name of letters.
  static let ownPath: ByteString = "/etc/network/interfaces.d/guestsmith"

  /// Who reads the stanzas, where that makes a difference.
  private enum Reader {
    case ifupdown
    /// It knows no `inet6 auto` and none of ifupdown's options for IPv6, and gives an interface whose MTU it is not told the
    /// usual one (ifupdown2 3.0.0, of Debian 12).
    case ifupdown2
    /// BusyBox, and ifupdown-ng.
    case alpine
  }

  /// Where ifupdown2 is in a guest.
  static let second: ByteString = "/usr/share/ifupdown2/ifupdown2"

  /// - Parameters:
  ///   - tellsServers: whether name servers are in it, for resolvconf(8).
  ///   - isForSecond: whether it is for ifupdown2.
  static func ifupdown(
    for network: GuestNetwork, tellsServers: Bool = true, isForSecond: Bool = false
  ) -> [NetworkRenderer.File] {
    let configured = network.interfaces.filter { !$0.isUnconfigured }
    var lines = ["\(NetworkRenderer.mark). Your own settings belong into files beside this one."]
    let isRouted = configured.contains { $0.defaultRoute(.ipv4) != nil }
    for var interface in configured {
      if !tellsServers { (interface.nameservers, interface.searchDomains) = ([], []) }
      let name = InterfaceNames.name(of: interface)
      lines +=
        [""] + stanzas(for: interface, name: name, isForSecond ? .ifupdown2 : .ifupdown, ranksLeases: isRouted)
    }
    return [NetworkRenderer.File(ownPath, lines)] + InterfaceNames.files(for: configured)
  }

  // MARK: Alpine

  static let begin = "\(NetworkRenderer.mark): begin. What is between this line and the next of it is replaced."
  static let end = "\(NetworkRenderer.mark): end."

  /// An interface is known by its place: Alpine leaves it the name that the kernel gave, by its order.
  static func alpine(for network: GuestNetwork) throws(Failure) -> [NetworkRenderer.File] {
    var lines = [begin]
    for interface in network.interfaces where !interface.isUnconfigured {
      guard !interface.dhcp6 || interface.acceptsAdvertisements else {
        throw Failure(
          .guest, "NIC \(interface.index) needs DHCPv6, and Alpine's ifup lacks a client for it",
          remedy: "use router advertisements (slaac) or a static address")
      }
      lines += [""] + stanzas(for: interface, name: alpineName(of: interface), .alpine)
    }
    return [NetworkRenderer.File(path, lines + ["", end])]
  }

  static func alpineName(of interface: GuestNetwork.Interface) -> String {
    if case .order(let order) = interface.match { "eth\(order)" } else { "eth\(interface.index)" }
  }

  // MARK: Stanzas

  private struct Stanza {
    var family: GuestNetwork.Family
    var method: String
    var options: [String] = []
  }

  /// - Parameter ranksLeases: whether the default route of a lease goes behind another one. ifupdown fails where a route of the same
  ///   metric is there already, and leaves out what follows. ifupdown2 does not hand the metric on to its client of DHCP; that of
  ///   Alpine sets one by itself.
  private static func stanzas(
    for interface: GuestNetwork.Interface, name: String, _ reader: Reader, ranksLeases: Bool = false
  ) -> [String] {
    var stanzas =
      reader == .alpine || reader == .ifupdown2 && interface.dhcp4
      ? singleStanza(of: interface)
      : GuestNetwork.Family.allCases.flatMap { self.stanzas($0, of: interface, reader) }
    // The kernel would take addresses from routers by itself.
    if !interface.hearsRouters { stanzas[0].options.insert(setting("accept_ra", 0), at: 0) }
    if let mtu = interface.mtu {
      // Not every method of ifupdown has the option `mtu`.
      let line = reader == .ifupdown2 ? "mtu \(mtu)" : "pre-up ip link set dev $IFACE mtu \(mtu)"
      stanzas[0].options.insert(line, at: 0)
    }
    if ranksLeases, reader == .ifupdown,
      let lease = stanzas.firstIndex(where: { $0.family == .ipv4 && $0.method == "dhcp" })
    {
      stanzas[lease].options.append("metric 1024")
    }
    for family in GuestNetwork.Family.allCases {
      // Alpine's file lacks a stanza for the other family where that is static.
      let place = stanzas.lastIndex { $0.family == family } ?? 0
      let isStatic = stanzas[place].family == family && stanzas[place].method == "static"
      stanzas[place].options += routes(family, of: interface, inStatic: isStatic, reader)
    }
    // Read by resolvconf(8) and the like.
    if !interface.nameservers.isEmpty {
      stanzas[0].options.append("dns-nameservers \(interface.nameservers.joined(separator: " "))")
    }
    if !interface.searchDomains.isEmpty {
      stanzas[0].options.append("dns-search \(interface.searchDomains.joined(separator: " "))")
    }
    // What is plugged in later is brought up by udev, which goes by this word of ifupdown's alone.
    return ["auto \(name)"] + (reader == .ifupdown ? ["allow-hotplug \(name)"] : [])
      + stanzas.flatMap { stanza in
        ["iface \(name) \(stanza.family == .ipv4 ? "inet" : "inet6") \(stanza.method)"]
          + stanza.options.map { "    " + $0 }
      }
  }

  /// Of the kernel, for IPv6 on the interface.
  private static func setting(_ name: String, _ value: Int) -> String {
    "pre-up sysctl -q -e -w net/ipv6/conf/$IFACE/\(name)=\(value) || true"
  }

  private static func stanzas(
    _ family: GuestNetwork.Family, of interface: GuestNetwork.Interface, _ reader: Reader
  ) -> [Stanza] {
    func routers(_ accept: Int, _ autoconf: Int) -> [String] {
      reader == .ifupdown2
        ? [setting("accept_ra", accept), setting("autoconf", autoconf)]
        : ["accept_ra \(accept)", "autoconf \(autoconf)"]
    }
    var stanzas: [Stanza] = []
    if family == .ipv4, interface.dhcp4 { stanzas.append(Stanza(family: .ipv4, method: "dhcp")) }
    // Without an answer of DHCPv6 ifup would fail: what routers say of it by their flags it does not hear.
    if family == .ipv6, interface.acceptsAdvertisements {
      stanzas.append(
        reader == .ifupdown2
          ? Stanza(family: .ipv6, method: "manual", options: routers(1, 1)) : Stanza(family: .ipv6, method: "auto"))
    } else if family == .ipv6, interface.dhcp6 {
      stanzas.append(Stanza(family: .ipv6, method: "dhcp", options: routers(1, 0)))
    }
    for address in interface.addresses(family) {
      var options = ["address \(address.address)"]
      options.append("netmask \(family == .ipv4 ? address.mask : "\(address.prefix)")")
      // Otherwise it would take back what a stanza before it has set.
      if family == .ipv6, interface.hearsRouters {
        options += routers(2, interface.acceptsAdvertisements ? 1 : 0)
      }
      stanzas.append(Stanza(family: family, method: "static", options: options))
    }
    return stanzas
  }

  /// One stanza, and addresses beyond its own by ip(8): BusyBox takes an address without its prefix only and knows no
  /// `inet6 auto`, and ifupdown-ng, which joins all stanzas of an interface, reads the mask of one address only. ifupdown2
  /// joins them as well, and where one is DHCP asks for IPv6 too, which it waits for, and sets no fixed address.
  private static func singleStanza(of interface: GuestNetwork.Interface) -> [Stanza] {
    var rest = GuestNetwork.Family.allCases.flatMap { interface.addresses($0) }
    var stanza: Stanza
    if interface.dhcp4 {
      stanza = Stanza(family: .ipv4, method: "dhcp")
    } else if let first = rest.first {
      rest.removeFirst()
      let mask = first.family == .ipv4 ? first.mask : "\(first.prefix)"
      stanza = Stanza(
        family: first.family, method: "static", options: ["address \(first.address)", "netmask \(mask)"])
    } else {
      stanza = Stanza(family: .ipv6, method: "manual", options: ["up ip link set dev $IFACE up"])
    }
    if interface.acceptsAdvertisements {
      // The kernel does it as soon as the link is up.
      stanza.options.insert(setting("accept_ra", 1), at: 0)
    }
    for address in rest {
      let ip = address.family == .ipv4 ? "ip" : "ip -6"
      stanza.options.append("post-up \(ip) addr add \(address.withPrefix) dev $IFACE")
    }
    return [stanza]
  }

  /// By `ip route` where the option `gateway` does not do: it is of the method `static`, and takes a gateway on the link
  /// with ifupdown alone.
  private static func routes(
    _ family: GuestNetwork.Family, of interface: GuestNetwork.Interface, inStatic: Bool, _ reader: Reader
  ) -> [String] {
    var lines: [String] = []
    for route in interface.routes where route.family == family {
      if route.destination == nil, inStatic, reader != .alpine || !route.isOnLink {
        lines.append("gateway \(route.gateway)")
        continue
      }
      let ip = family == .ipv4 ? "ip" : "ip -6"
      // BusyBox's ip may be without `onlink`: a route to the gateway itself does the same.
      if route.isOnLink {
        lines.append("post-up \(ip) route add \(route.gateway)/\(family == .ipv4 ? 32 : 128) dev $IFACE || true")
      }
      lines.append("post-up \(ip) route add \(route.destination ?? "default") via \(route.gateway) dev $IFACE")
    }
    return lines
  }
}
