// SPDX-License-Identifier: Apache-2.0
internal import Report

/// One file of netplan (netplan-yaml(5)); which of its renderers does the work stays as the guest has it.
///
/// netplan hands each definition on as `10-netplan-ID.network`, and systemd-networkd takes the first file that matches: the
/// names begin with digits to come before a definition for all interfaces, which images of Debian have (`all-en`).
enum NetplanFile {
  static let folder: ByteString = "/etc/netplan"

  /// - Parameter isForNetworkManager: whether that does the work. Without `dhcp6` netplan has it ignore IPv6; with it, it hears routers, and
  ///   asks DHCPv6 where they say so. An older systemd-networkd would ask whatever they say.
  static func files(for network: GuestNetwork, isForNetworkManager: Bool = false) -> [NetworkRenderer.File] {
    var lines = ["\(NetworkRenderer.mark). Your own settings belong into files beside this one."]
    let configured = network.interfaces.filter { !$0.isUnconfigured }
    lines += ["network:", "  version: 2"]
    if !configured.isEmpty { lines.append("  ethernets:") }
    for interface in configured {
      lines.append(#"    "00-guestsmith\#(interface.index)":"#)
      let asksDHCP6 = isForNetworkManager ? interface.hearsRouters : interface.dhcp6
      lines += self.lines(for: interface, asksDHCP6: asksDHCP6).map { "      " + $0 }
      // Or else a boot that waits for the network waits for all of them, connected or not.
      if interface.index != configured[0].index { lines.append("      optional: true") }
    }
    // Others must not read it: it may come to hold a password of WLAN or 802.1X.
    let file = NetworkRenderer.File("\(folder)/60-guestsmith.yaml", lines, mode: 0o600)
    return [file] + InterfaceNames.files(for: configured.filter { $0.mac == nil })
  }

  /// Whether NetworkManager does the work in a guest: the last of its files counts that names a renderer.
  static func isForNetworkManager(in guest: some GuestFiles) throws(Failure) -> Bool {
    var renderer = ""
    let folders: [ByteString] = ["/lib/netplan", folder]
    for folder in folders {
      for name in try guest.list(folder) where name.hasSuffix(".yaml") {
        for line in TextLines(try guest.readLeniently("\(folder)/\(name)") ?? []).lines {
          let words = TextLines.fields(of: line).map(\.text)
          if words.count > 1, words[0] == "renderer:" { renderer = words[1].filter(\.isLetter) }
        }
      }
    }
    return renderer == "NetworkManager"
  }

  private static func lines(for interface: GuestNetwork.Interface, asksDHCP6: Bool) -> [String] {
    var lines = ["match:"]
    if let mac = interface.mac {
      lines.append(#"  macaddress: "\#(mac)""#)
    } else {
      lines.append(#"  name: "\#(InterfaceNames.name(of: interface))""#)
    }
    lines += ["dhcp4: \(interface.dhcp4)", "dhcp6: \(asksDHCP6)", "accept-ra: \(interface.hearsRouters)"]
    if let mtu = interface.mtu { lines.append("mtu: \(mtu)") }
    if !interface.addresses.isEmpty {
      lines.append("addresses:")
      lines += interface.addresses.map { #"  - "\#($0.withPrefix)""# }
    }
    if !interface.routes.isEmpty {
      lines.append("routes:")
      for route in interface.routes {
        // `default` is younger than netplan of Ubuntu 20.04.
        lines += [#"  - to: "\#(route.network)""#, #"    via: "\#(route.gateway)""#]
        if route.isOnLink { lines.append("    on-link: true") }
      }
    }
    if !interface.nameservers.isEmpty || !interface.searchDomains.isEmpty {
      lines.append("nameservers:")
      lines += list("addresses", interface.nameservers) + list("search", interface.searchDomains)
    }
    return lines
  }

  private static func list(_ key: String, _ values: [String]) -> [String] {
    values.isEmpty ? [] : ["  \(key): [\(values.map { #""\#($0)""# }.joined(separator: ", "))]"]
  }
}
