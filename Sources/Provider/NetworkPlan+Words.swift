// SPDX-License-Identifier: Apache-2.0
internal import Guest
internal import Report

extension NetworkPlan {
  /// One line for each interface.
  var lines: [String] { lines(of: "network") }

  /// The same for a guest that comes with a network, which keeps what others wrote.
  var linesOfChange: [String] { lines(of: "network, where guestsmith wrote it") }

  private func lines(of what: String) -> [String] {
    let interfaces = network.interfaces
    return interfaces.map { interface in
      interfaces.count == 1
        ? "\(what): \(interface.words)" : "\(what): interface \(interface.place): \(interface.words)"
    }
  }
}

extension GuestNetwork.Interface {
  /// `1, aa:00:00:00:00:01`
  fileprivate var place: String {
    if case .mac(let mac) = match { "\(index), \(mac)" } else { "\(index)" }
  }

  /// `DHCP`, or `192.0.2.7/24, gateway 192.0.2.1`
  fileprivate var words: String {
    guard !isUnconfigured else { return "stays unconfigured" }
    let dynamic: [String] =
      switch (dhcp4, dhcp6) {
      case (true, true): ["DHCP"]
      case (true, false): ["DHCPv4"]
      case (false, true): ["DHCPv6"]
      case (false, false): []
      }
    var parts = addresses.map { "\($0.address)/\($0.prefix)" } + dynamic
    if acceptsAdvertisements, !dhcp6 { parts.append("IPv6 as routers advertise it") }
    parts += routes.map { route in
      let gateway = "\(route.gateway)\(route.isOnLink ? " on the link" : "")"
      return route.destination.map { "\($0) by \(gateway)" } ?? "gateway \(gateway)"
    }
    if !nameservers.isEmpty { parts.append("name servers \(Words.list(nameservers))") }
    if !searchDomains.isEmpty { parts.append("search \(searchDomains.joined(separator: " "))") }
    if let mtu { parts.append("MTU \(mtu)") }
    return parts.joined(separator: ", ")
  }
}
