// SPDX-License-Identifier: Apache-2.0
internal import Report

/// One file of netplan (netplan-yaml(5)); which of its renderers does the work stays as the guest has it.
///
/// netplan hands each definition on as `10-netplan-ID.network`, and systemd-networkd takes the first file that matches: the
/// names begin with digits to come before a definition for all interfaces, which images of Debian have (`all-en`).
enum NetplanFile {
  static let folder: ByteString = "/etc/netplan"

  static func files(for network: GuestNetwork) -> [NetworkRenderer.File] {
    var lines = ["\(NetworkRenderer.mark). Your own settings belong into files beside this one."]
    let configured = network.interfaces.filter { !$0.isUnconfigured }
    lines += ["network:", "  version: 2"]
    if !configured.isEmpty { lines.append("  ethernets:") }
    for interface in configured {
      lines.append(#"    "00-guestsmith\#(interface.index)":"#)
      lines += self.lines(for: interface).map { "      " + $0 }
      // Or else a boot that waits for the network waits for all of them, connected or not.
      if interface.index != configured[0].index { lines.append("      optional: true") }
    }
    // Others must not read it: it may come to hold a password of WLAN or 802.1X.
    let file = NetworkRenderer.File("\(folder)/60-guestsmith.yaml", lines, mode: 0o600)
    return [file] + InterfaceNames.files(for: configured.filter { $0.mac == nil })
  }

  private static func lines(for interface: GuestNetwork.Interface) -> [String] {
    var lines = ["match:"]
    if let mac = interface.mac {
      lines.append(#"  macaddress: "\#(mac)""#)
    } else {
      lines.append(#"  name: "\#(InterfaceNames.name(of: interface))""#)
    }
    lines += ["dhcp4: \(interface.dhcp4)", "dhcp6: \(interface.dhcp6)", "accept-ra: \(interface.hearsRouters)"]
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
