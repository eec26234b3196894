// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The network of a guest as its seed tells it: each interface that the host knows by its MAC address.
package struct SeedNetwork: Sendable, Equatable {
  package enum Addresses: Sendable, Equatable {
    case dhcp
    /// One of each family at most.
    case fixed([Network.StaticAddress])
    /// It is there, and has none.
    case none
  }

  package struct Interface: Sendable, Equatable {
    package var mac: String
    package var addresses: Addresses

    package init(mac: String, _ addresses: Addresses) {
      self.mac = mac.lowercased()
      self.addresses = addresses
    }
  }

  /// In the order in which the guest sees them.
  package var interfaces: [Interface]
  package var nameservers: [String]

  package init(_ interfaces: [Interface], nameservers: [String] = []) {
    self.interfaces = interfaces
    self.nameservers = nameservers
  }

  /// `network-config` without its first line: of version 1, which every cloud-init reads, whatever configures the guest's
  /// network.
  package var text: String {
    let devices = interfaces.enumerated().map { index, interface in
      [
        "type": "physical", "name": .string("eth\(index)"), "mac_address": .string(interface.mac),
        "subnets": .array(subnets(of: interface)),
      ] as JSON
    }
    return (["version": 1, "config": .array(devices)] as JSON).serialized()
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

  private func subnets(of interface: Interface) -> [JSON] {
    switch interface.addresses {
    case .dhcp: [subnet([.init(key: "type", value: "dhcp")])]
    case .none: [["type": "manual"]]
    case .fixed(let addresses): addresses.map { fixed($0) }
    }
  }

  private func fixed(_ address: Network.StaticAddress) -> JSON {
    var members: [JSON.Member] = [
      .init(key: "type", value: address.address.contains(":") ? "static6" : "static"),
      .init(key: "address", value: .string("\(address.address)/\(address.prefix)")),
    ]
    if let gateway = address.gateway { members.append(.init(key: "gateway", value: .string(gateway))) }
    return subnet(members)
  }

  /// Name servers that belong to no interface some versions pass over where NetworkManager is to be told of them.
  private func subnet(_ members: [JSON.Member]) -> JSON {
    guard !nameservers.isEmpty else { return .object(members) }
    let servers = JSON.array(nameservers.map { .string($0) })
    return .object(members + [.init(key: "dns_nameservers", value: servers)])
  }
}
