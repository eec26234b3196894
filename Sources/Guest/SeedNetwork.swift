// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The network of a guest as its seed tells it: all interfaces, each by its MAC address.
package struct SeedNetwork: Sendable, Equatable {
  private struct Device: Equatable {
    let mac: String
    let interface: GuestNetwork.Interface
  }

  /// In the order in which the guest sees them.
  private let devices: [Device]

  /// Nil where the host does not tell the MAC address of each, by which cloud-init knows them.
  package init?(_ network: GuestNetwork) {
    var devices: [Device] = []
    for interface in network.interfaces {
      guard case .mac(let mac) = interface.match else { return nil }
      devices.append(Device(mac: mac, interface: interface))
    }
    guard !devices.isEmpty else { return nil }
    self.devices = devices
  }

  /// `network-config` without its first line: of version 1, which every cloud-init reads, whatever configures the guest's
  /// network.
  package var text: String {
    let config = devices.enumerated().map { index, device in
      var members: [JSON.Member] = [
        .init(key: "type", value: "physical"), .init(key: "name", value: .string("eth\(index)")),
        .init(key: "mac_address", value: .string(device.mac)),
      ]
      if let mtu = device.interface.mtu { members.append(.init(key: "mtu", value: .integer(mtu))) }
      if !device.interface.isUnconfigured, !device.interface.acceptsAdvertisements {
        members.append(.init(key: "accept-ra", value: false))
      }
      members.append(.init(key: "subnets", value: .array(subnets(of: device.interface))))
      return JSON.object(members)
    }
    return (["version": 1, "config": .array(config)] as JSON).serialized()
  }

  private static let mark = "# for the instance "
  private static let unit = 4096

  /// `network-config` with that text. The instance in its first line tells, when another name has brought another network,
  /// whether `meta-data` knows of that already.
  package static func file(_ text: String, for instance: String) -> [UInt8] {
    Array("\(mark)\(instance)\n\(text)".utf8).padded(to: unit)
  }

  /// Which instance a file is for, where that text is what it says; nil for any other.
  package static func instance(of file: [UInt8], saying text: String) -> String? {
    let all = String(decoding: file, as: UTF8.self)
    guard all.hasPrefix(mark), let end = all.firstIndex(of: "\n") else { return nil }
    let instance = String(all[..<end].dropFirst(mark.count))
    return file == self.file(text, for: instance) ? instance : nil
  }

  private func subnets(of interface: GuestNetwork.Interface) -> [JSON] {
    if interface.isUnconfigured { return [["type": "manual"]] }
    var subnets: [[JSON.Member]] = types(of: interface).map { [.init(key: "type", value: .string($0))] }
    var routes = interface.routes.filter { $0.destination == nil }
    for address in interface.addresses {
      let isIPv6 = address.address.contains(":")
      var members: [JSON.Member] = [
        .init(key: "type", value: isIPv6 ? "static6" : "static"),
        .init(key: "address", value: .string("\(address.address)/\(address.prefix)")),
      ]
      // Once for each family.
      if let index = routes.firstIndex(where: { ($0.family == .ipv6) == isIPv6 }) {
        members.append(.init(key: "gateway", value: .string(routes.remove(at: index).gateway)))
      }
      subnets.append(members)
    }
    return subnets.map { .object($0 + names(of: interface)) }
  }

  /// What does not come from fixed addresses. Where IPv4 is by DHCP, IPv6 is as the routers say unless that is written.
  private func types(of interface: GuestNetwork.Interface) -> [String] {
    switch (interface.dhcp4, interface.dhcp6) {
    case (true, true): ["dhcp"]
    case (true, false): interface.acceptsAdvertisements ? ["dhcp", "ipv6_slaac"] : ["dhcp"]
    case (false, true): ["ipv6_dhcpv6-stateful"]
    case (false, false): interface.acceptsAdvertisements && interface.addresses.isEmpty ? ["ipv6_slaac"] : []
    }
  }

  /// Name servers that belong to no interface some versions pass over where NetworkManager is to be told of them.
  private func names(of interface: GuestNetwork.Interface) -> [JSON.Member] {
    [("dns_nameservers", interface.nameservers), ("dns_search", interface.searchDomains)].filter { !$0.1.isEmpty }
      .map { .init(key: $0.0, value: .array($0.1.map { .string($0) })) }
  }
}
