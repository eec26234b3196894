// SPDX-License-Identifier: Apache-2.0
package import Report

extension NetworkRenderer {
  /// Which one configures the network of a guest: by what is installed and enabled in it; nil where none is known.
  ///
  /// Several may be enabled. Debian enables ifupdown wherever it is, also where it has nothing but the loopback to
  /// configure; then it is the other's guest.
  package static func chosen(in guest: some GuestFiles) throws(Failure) -> NetworkRenderer? {
    let system = InstalledServices(guest)
    // Either folder may be a link to the other.
    let hasIfup = try system.hasAny(["/sbin/ifup", "/usr/sbin/ifup"])
    if try guest.kind("/etc/alpine-release") != nil { return hasIfup ? .alpine : nil }
    var hasIfupdown = false
    if hasIfup { hasIfupdown = try system.starts("networking") }
    var usesIfupdown = false
    if hasIfupdown { usesIfupdown = try InterfacesReading(of: guest).hasInterfaces }
    if !usesIfupdown, try system.hasAny(netplanGenerators) {
      if try guest.list(NetplanFile.folder).contains(where: { $0.hasSuffix(".yaml") }) { return .netplan }
      if try !system.startsAny(["NetworkManager", "systemd-networkd", "networking"]) { return .netplan }
    }
    if usesIfupdown { return .ifupdown }
    for (renderer, service, programs) in services {
      if try system.hasAny(programs), try system.starts(service) { return renderer }
    }
    if hasIfupdown { return .ifupdown }
    return try system.hasAny(["/usr/bin/cloud-init"]) ? .cloudInit : nil
  }

  /// - Throws: `.guest` where it is not in the guest.
  func refuseMissing(in guest: some GuestFiles) throws(Failure) {
    let system = InstalledServices(guest)
    let ifup: [ByteString] = ["/sbin/ifup", "/usr/sbin/ifup"]
    let isAlpine = try guest.kind("/etc/alpine-release") != nil
    let isThere =
      switch self {
      case .netplan: try system.hasAny(Self.netplanGenerators)
      case .ifupdown: isAlpine ? false : try system.hasAny(ifup)
      case .alpine: isAlpine ? try system.hasAny(ifup) : false
      case .cloudInit: try system.hasAny(["/usr/bin/cloud-init"])
      case .networkd, .networkManager, .wicked, .sysconfig:
        try system.hasAny(Self.services.filter { $0.0 == self }.flatMap(\.2))
      }
    guard isThere else {
      throw Failure(
        .guest, "network_renderer = \"\(rawValue)\", and \(name) is not in the guest",
        remedy: "install it there, or leave network_renderer out: then what is in the guest is told")
    }
  }

  /// In the order in which they are asked, by their services and where they are.
  private static let services: [(NetworkRenderer, ByteString, [ByteString])] = [
    (.networkManager, "NetworkManager", ["/usr/sbin/NetworkManager", "/usr/bin/NetworkManager"]),
    (.wicked, "wicked", ["/usr/sbin/wicked", "/usr/sbin/wickedd"]),
    (.networkd, "systemd-networkd", ["/lib/systemd/systemd-networkd", "/usr/lib/systemd/systemd-networkd"]),
    (.sysconfig, "network", ["/etc/sysconfig/network-scripts/ifup-eth", "/etc/sysconfig/network-scripts/ifup"]),
  ]

  private static let netplanGenerators: [ByteString] = [
    "/lib/systemd/system-generators/netplan", "/usr/lib/systemd/system-generators/netplan",
  ]
}

/// What is installed in a guest, and started when it boots: by systemd, or by the links of OpenRC and of System V.
struct InstalledServices<Files: GuestFiles> {
  let guest: Files

  init(_ guest: Files) { self.guest = guest }

  func hasAny(_ paths: [ByteString]) throws(Failure) -> Bool {
    for path in paths { if try guest.kind(path) != nil { return true } }
    return false
  }

  func startsAny(_ services: [ByteString]) throws(Failure) -> Bool {
    for service in services { if try starts(service) { return true } }
    return false
  }

  func starts(_ service: ByteString) throws(Failure) -> Bool {
    if try guest.hasSystemd() {
      let unit: ByteString = "\(service).service"
      if try isMasked(unit) { return false }
      for folder: ByteString in ["/etc/systemd/system", "/lib/systemd/system"] {
        for wants in try guest.list(folder) where wants.hasSuffix(".wants") || wants.hasSuffix(".requires") {
          if try guest.kind("\(folder)/\(wants)/\(unit)") != nil { return true }
        }
      }
    }
    for folder: ByteString in ["/etc/rcS.d", "/etc/rc2.d", "/etc/rc3.d", "/etc/rc.d/rc3.d"] {
      let isThere = try guest.list(folder).contains { name in
        name.hasPrefix("S") && name.hasSuffix(service) && name.bytes.count == service.bytes.count + 3
      }
      if isThere { return true }
    }
    for level in try guest.list("/etc/runlevels") {
      if try guest.kind("/etc/runlevels/\(level)/\(service)") != nil { return true }
    }
    return false
  }

  /// A masked unit is a link to /dev/null, or an empty file (systemctl(1)).
  private func isMasked(_ unit: ByteString) throws(Failure) -> Bool {
    let path: ByteString = "/etc/systemd/system/\(unit)"
    guard try guest.kind(path) != nil else { return false }
    do {
      return try (guest.read(path) ?? []).isEmpty
    } catch {
      // What cannot be read is the device itself.
      guard error.code == .guest else { throw error }
      return true
    }
  }
}
