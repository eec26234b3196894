// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The files of wicked (ifcfg(5), ifroute(5) of SUSE), which belong to an interface by its name.
enum WickedFiles {
  static let folder: ByteString = "/etc/sysconfig/network"

  static func files(for network: GuestNetwork) -> [NetworkRenderer.File] {
    let configured = network.interfaces.filter { !$0.isUnconfigured }
    var files: [NetworkRenderer.File] = []
    for interface in configured {
      let name = InterfaceNames.name(of: interface)
      let head = "\(NetworkRenderer.mark). It is replaced when the network of the instance changes."
      files.append(NetworkRenderer.File("\(folder)/ifcfg-\(name)", [head] + variables(of: interface)))
      if !interface.routes.isEmpty {
        files.append(NetworkRenderer.File("\(folder)/ifroute-\(name)", [head] + routes(of: interface)))
      }
      let accepts = interface.hearsRouters ? 1 : 0
      files.append(
        NetworkRenderer.File(
          "\(folder)/ifsysctl-\(name)",
          [
            head, "net.ipv6.conf.$INTERFACE.accept_ra = \(accepts)",
            "net.ipv6.conf.$INTERFACE.autoconf = \(interface.acceptsAdvertisements ? 1 : 0)",
          ]))
    }
    return files + InterfaceNames.files(for: configured)
  }

  private static func variables(of interface: GuestNetwork.Interface) -> [String] {
    var protocols: [String] = []
    switch (interface.dhcp4, interface.dhcp6) {
    case (true, true): protocols.append("dhcp")
    case (true, false): protocols.append("dhcp4")
    case (false, true): protocols.append("dhcp6")
    case (false, false): break
    }
    // Addresses of routers come from the kernel, with `static` too.
    if protocols.isEmpty { protocols.append("static") }
    var lines = ["STARTMODE='auto'", "BOOTPROTO='\(protocols.joined(separator: "+"))'"]
    if let mtu = interface.mtu { lines.append("MTU='\(mtu)'") }
    lines += interface.addresses.enumerated().map { "IPADDR\($0 == 0 ? "" : "_\($0)")='\($1.withPrefix)'" }
    return lines
  }

  /// wicked takes `onlink` behind `nexthop` alone, and passes over a line with it: a route to the router itself comes first.
  private static func routes(of interface: GuestNetwork.Interface) -> [String] {
    var lines: [String] = []
    for route in interface.routes {
      let router = "\(route.gateway)/\(route.family == .ipv4 ? 32 : 128) - - -"
      if route.isOnLink, !lines.contains(router) { lines.append(router) }
      lines.append("\(route.network) \(route.gateway) - -")
    }
    return lines
  }

  // MARK: Name servers

  /// They are the system's and no interface's: the two variables of netconfig(8), where they are empty.
  static func applyResolver(_ servers: [String], _ domains: [String], to guest: some GuestFiles) throws(Failure) {
    let path: ByteString = "\(folder)/config"
    guard let bytes = try guest.readLeniently(path) else { return }
    var text = TextLines(bytes)
    let values = [("NETCONFIG_DNS_STATIC_SERVERS", servers), ("NETCONFIG_DNS_STATIC_SEARCHLIST", domains)]
    for (key, values) in values where !values.isEmpty {
      for index in text.lines.indices {
        let line = String(decoding: text.lines[index], as: UTF8.self)
        guard ["\(key)=\"\"\n", "\(key)=''\n", "\(key)=\n"].contains(line) else { continue }
        text.lines[index] = Array("\(key)=\"\(values.joined(separator: " "))\"\n".utf8)
      }
    }
    if text.bytes != bytes { try guest.write(path, text.bytes, mode: 0o644) }
  }
}
