// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport

@testable import Guest

/// What files say of a network, whoever wrote them: `0 address 192.0.2.7/24`, `1 dhcp4`, each with the number of the
/// interface by `Networks.macs`. A default route is `0.0.0.0/0` or `::/0`.
struct NetworkFacts {
  private(set) var all: Set<String> = []

  private mutating func add(_ interface: String?, _ facts: String...) {
    guard let interface else { return }
    for fact in facts { all.insert("\(interface) \(fact)") }
  }

  private mutating func addDefault(_ interface: String?, by gateway: String) {
    add(interface, "route \(gateway.contains(":") ? "::/0" : "0.0.0.0/0") via \(gateway)")
  }

  /// The number of an interface with that MAC address.
  private static func number(_ mac: String?) -> String? {
    Networks.macs.firstIndex { $0 == mac?.lowercased() }.map { "\($0)" }
  }

  /// The number at the end of a name: `eth0`, `nic0`.
  private static func number(ofName name: String) -> String? { name.last.flatMap { $0.isNumber ? String($0) : nil } }

  /// The prefix of a mask of IPv4; what is a prefix already stays.
  private static func prefix(_ mask: String) -> String {
    guard mask.contains(".") else { return mask }
    return String(mask.split(separator: ".").compactMap { UInt8($0)?.nonzeroBitCount }.reduce(0, +))
  }

  /// Lines without comments, cut at the first `separator`; a line of a section has no value.
  private static func pairs(_ text: String) -> [(key: String, value: String)] {
    text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
      let parts = line.split(separator: "=", maxSplits: 1)
      return (String(parts[0]), parts.count > 1 ? parts[1].filter { $0 != "\"" && $0 != "'" } : "")
    }
  }

  private static func words(_ text: String, _ separator: Character) -> [String] {
    text.split(separator: separator).map(String.init)
  }

  // MARK: The value itself

  init(_ network: GuestNetwork) {
    for interface in network.interfaces {
      let number = "\(interface.index)"
      if interface.dhcp4 { add(number, "dhcp4") }
      if interface.dhcp6 { add(number, "dhcp6") }
      if interface.acceptsAdvertisements { add(number, "slaac") }
      for address in interface.addresses { add(number, "address \(address.address)/\(address.prefix)") }
      for route in interface.routes {
        if let to = route.destination {
          add(number, "route \(to) via \(route.gateway)")
        } else {
          addDefault(number, by: route.gateway)
        }
      }
      if let mtu = interface.mtu { add(number, "mtu \(mtu)") }
      for server in interface.nameservers { add(number, "dns \(server)") }
      for domain in interface.searchDomains { add(number, "search \(domain)") }
    }
  }

  // MARK: Formats

  /// `.network` files of systemd.
  init(networkd texts: some Sequence<String>) {
    for text in texts {
      let pairs = Self.pairs(text)
      let number = Self.number(pairs.first { $0.key.hasSuffix("MACAddress") }?.value)
      var destination: String?
      // As systemd has it where the file does not say.
      var accepts = pairs.allSatisfy { $0.key != "IPv6AcceptRA" }
      for (key, value) in pairs {
        switch key {
        case "[Route]", "[Network]": destination = nil
        case "DHCP":
          add(
            number, value == "yes" ? "dhcp4" : "", ["yes", "ipv6"].contains(value) ? "dhcp6" : "",
            value == "ipv4" ? "dhcp4" : "")
        case "IPv6AcceptRA": accepts = ["yes", "true"].contains(value.lowercased())
        case "UseAutonomousPrefix" where value == "no": accepts = false
        case "Address": add(number, "address \(value)")
        case "Destination": destination = value
        case "Gateway":
          if let to = destination { add(number, "route \(to) via \(value)") } else { addDefault(number, by: value) }
        case "MTUBytes": add(number, "mtu \(value)")
        case "DNS": for server in Self.words(value, " ") { add(number, "dns \(server)") }
        case "Domains": for domain in Self.words(value, " ") { add(number, "search \(domain)") }
        default: break
        }
      }
      if accepts { add(number, "slaac") }
    }
    all = all.filter { !$0.hasSuffix(" ") }
  }

  /// Stanzas of interfaces(5), and of the form in which ifupdown-ng shows them.
  init(interfaces text: String) {
    var number: String?
    var address: String?
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let words = Self.words(String(line), " ")
      guard words.count > 1 else { continue }
      switch words[0] {
      case "iface":
        number = words[1] == "lo" ? nil : Self.number(ofName: words[1])
        address = nil
        let methods = ["inet dhcp": "dhcp4", "inet6 auto": "slaac", "inet6 dhcp": "dhcp6"]
        if words.count > 3, let fact = methods["\(words[2]) \(words[3])"] { add(number, fact) }
      case "use" where words[1] == "dhcp": add(number, "dhcp4")
      case "address" where words[1].contains("/"): add(number, "address \(words[1])")
      case "address": address = words[1]
      case "netmask": if let address { add(number, "address \(address)/\(Self.prefix(words[1]))") }
      case "gateway": addDefault(number, by: words[1])
      case "mtu": add(number, "mtu \(words[1])")
      case "dns-nameservers": for server in words.dropFirst() { add(number, "dns \(server)") }
      case "dns-search": for domain in words.dropFirst() { add(number, "search \(domain)") }
      case "pre-up", "post-up", "up": add(command: words, number)
      default: break
      }
    }
  }

  private mutating func add(command words: [String], _ number: String?) {
    func after(_ word: String) -> String? {
      words.firstIndex(of: word).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
    }
    if let mtu = after("mtu") { add(number, "mtu \(mtu)") }
    if words.contains("addr"), let address = after("add") { add(number, "address \(address)") }
    if words.contains(where: { $0.hasSuffix("accept_ra=1") }) { add(number, "slaac") }
    guard words.contains("route"), let gateway = after("via") ?? after("gw") else { return }
    // ip(8), or route(8) with -net and, of IPv6, the family before it.
    let to = after("-net") ?? after("inet6") ?? after("add") ?? ""
    if to == "default" { addDefault(number, by: gateway) } else { add(number, "route \(to) via \(gateway)") }
  }

  /// A file of netplan, as JSON.
  init(netplan document: JSON) {
    guard case .object(let definitions)? = document["network"]?["ethernets"] else { return }
    for definition in definitions {
      let (value, number) = (definition.value, Self.number(definition.value["match"]?["macaddress"]?.string))
      for key in ["dhcp4", "dhcp6"] where value[key] == true { add(number, key) }
      if value["accept-ra"] == true { add(number, "slaac") }
      for address in value["addresses"]?.array ?? [] { add(number, "address \(address.string ?? "")") }
      for key in ["gateway4", "gateway6"] { if let gateway = value[key]?.string { addDefault(number, by: gateway) } }
      for route in value["routes"]?.array ?? [] {
        add(number, "route \(route["to"]?.string ?? "") via \(route["via"]?.string ?? "")")
      }
      if case .integer(let mtu)? = value["mtu"] { add(number, "mtu \(mtu)") }
      for server in value["nameservers"]?["addresses"]?.array ?? [] { add(number, "dns \(server.string ?? "")") }
      for domain in value["nameservers"]?["search"]?.array ?? [] { add(number, "search \(domain.string ?? "")") }
    }
  }

  /// `ifcfg-*`, `route-*` and `route6-*` of Red Hat, by their names.
  init(ifcfg files: [String: String]) {
    for (name, text) in files {
      let number = Self.number(ofName: name)
      let pairs = Self.pairs(text)
      let value = Dictionary(pairs) { $1 }
      if name.hasPrefix("route") {
        for line in text.split(separator: "\n") where line.contains(" via ") {
          let words = Self.words(String(line), " ")
          add(number, "route \(words[0]) via \(words[2])")
        }
        for index in 0..<4 {
          guard let to = value["ADDRESS\(index)"], let gateway = value["GATEWAY\(index)"] else { continue }
          add(number, "route \(to)/\(Self.prefix(value["NETMASK\(index)"] ?? "")) via \(gateway)")
        }
        continue
      }
      guard name.hasPrefix("ifcfg-"), value["ONBOOT"] == "yes" else { continue }
      if value["BOOTPROTO"] == "dhcp" { add(number, "dhcp4") }
      if value["DHCPV6C"] == "yes" { add(number, "dhcp6") }
      if value["IPV6_AUTOCONF"] == "yes" { add(number, "slaac") }
      for index in ["", "0", "1", "2"] {
        guard let address = value["IPADDR\(index)"] else { continue }
        add(number, "address \(address)/\(Self.prefix(value["PREFIX\(index)"] ?? value["NETMASK\(index)"] ?? ""))")
      }
      for key in ["IPV6ADDR", "IPV6ADDR_SECONDARIES"] {
        for address in Self.words(value[key] ?? "", " ") { add(number, "address \(address)") }
      }
      for key in ["GATEWAY", "IPV6_DEFAULTGW"] { if let gateway = value[key] { addDefault(number, by: gateway) } }
      if let mtu = value["MTU"] { add(number, "mtu \(mtu)") }
      for (key, value) in pairs where key.hasPrefix("DNS") { add(number, "dns \(value)") }
      for domain in Self.words(value["DOMAIN"] ?? "", " ") { add(number, "search \(domain)") }
    }
  }

  /// Keyfiles of NetworkManager. Of IPv6, `auto` is both: the routers say which.
  init(keyfiles texts: some Sequence<String>) {
    for text in texts {
      let pairs = Self.pairs(text)
      let number = Self.number(pairs.first { $0.key == "mac-address" }?.value)
      var section = ""
      for (key, value) in pairs {
        if key.hasPrefix("[") { section = key }
        switch key {
        case "method" where value == "auto" && section == "[ipv4]": add(number, "dhcp4")
        case "method" where ["auto", "dhcp"].contains(value) && section == "[ipv6]": add(number, "auto6")
        case "gateway": addDefault(number, by: value)
        case "mtu": add(number, "mtu \(value)")
        case "dns": for server in Self.words(value, ";") { add(number, "dns \(server)") }
        case "dns-search": for domain in Self.words(value, ";") { add(number, "search \(domain)") }
        case _ where key.hasPrefix("address") && section != "[ethernet]":
          let parts = Self.words(value, ",")
          add(number, "address \(parts[0])")
          if parts.count > 1 { addDefault(number, by: parts[1]) }
        case _ where key.hasPrefix("route") && !key.contains("_"):
          let parts = Self.words(value, ",")
          add(number, "route \(parts[0]) via \(parts[1])")
        default: break
        }
      }
    }
  }
}
