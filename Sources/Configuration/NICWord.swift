// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A word of the key of a network interface: one way in which it gets an address, or its gateway.
package enum NICWord: Hashable, Sendable {
  /// DHCP of IPv4, and IPv6 as routers advertise it.
  case dhcp
  case dhcp4
  case dhcp6
  /// The address that the host gives it.
  case fixed
  case slaac
  /// No address at all.
  case none
  /// An address of its own; nil: with the prefix of the host's network, or of the configuration.
  case address(String, prefix: Int?)
  /// Makes its gateway the guest's.
  case gateway(String)

  private static let names: [String: NICWord] = [
    "dhcp": .dhcp, "dhcp4": .dhcp4, "dhcp6": .dhcp6, "static": .fixed, "slaac": .slaac, "none": .none,
  ]
  private static let gatewayMark = "gateway:"

  /// Nil where the text is not one.
  package init?(_ text: String) {
    if let word = Self.names[text] {
      self = word
      return
    }
    if text.hasPrefix(Self.gatewayMark) {
      let gateway = String(text.dropFirst(Self.gatewayMark.count))
      guard let address = IPAddress(gateway), address.fault(prefix: address.longestPrefix) == nil else { return nil }
      self = .gateway(gateway)
      return
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
    let prefix = parts.count == 2 ? Self.prefix(parts[1]) : nil
    if parts.count == 2 {
      guard let prefix, (1...address.longestPrefix).contains(prefix) else { return nil }
    }
    self = .address(String(parts[0]), prefix: prefix)
  }

  private static func prefix(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
  }
}

extension Configuration {
  /// Whose key there is; a host may have more.
  package static let keyedNICs = 0...7

  /// What the key of an interface says; nil where it is not set.
  package func words(ofNIC index: Int) -> [NICWord]? {
    nics[index].map { $0.compactMap { NICWord($0) } }
  }

  /// What the keys of interfaces say that can't be, whatever the host says.
  func nicFaults() -> [(key: String, words: String, remedy: String)] {
    var faults: [(key: String, words: String, remedy: String)] = []
    var (addresses, gateways): ([IPAddress: String], [Bool: (key: String, address: IPAddress)]) = ([:], [:])
    for index in Self.keyedNICs {
      guard let texts = nics[index] else { continue }
      let (key, words) = ("nic_\(index)", words(ofNIC: index) ?? [])
      if words.contains(.none), words.count > 1 {
        faults.append((key, "has \"none\" and more", "leave \"none\" out, or the rest"))
      }
      let routes = words.compactMap { if case .gateway(let text) = $0 { IPAddress(text) } else { nil } }
      if routes.count == words.count, !words.isEmpty {
        faults.append((key, "has a gateway and no address", "add \"static\", or an address such as \"192.0.2.7/24\""))
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
      for gateway in routes {
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
    for (_, gateway) in gateways.sorted(by: { $0.value.key < $1.value.key }) {
      guard let owner = addresses[gateway.address] else { continue }
      faults.append(
        (gateway.key, "has a gateway that is an address of the guest itself, by \(owner)", "name another machine"))
    }
    if let gateway, let own = IPAddress(gateway), let owner = addresses[own] {
      faults.append(
        ("gateway", "= \"\(gateway)\" is an address of the guest itself, by \(owner)", "name another machine"))
    }
    return faults
  }
}
