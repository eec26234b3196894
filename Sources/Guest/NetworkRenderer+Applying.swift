// SPDX-License-Identifier: Apache-2.0
package import Report

extension NetworkRenderer {
  /// Writes the files into a guest, has its system read them, and removes what we wrote there for another one.
  ///
  /// A file of the guest's administrator stays as it is, but for the one line by which ifupdown reads a folder, and the
  /// variables of openSUSE for name servers where they are empty. In Alpine, where all is in one file, stanzas of the same
  /// interfaces become comments.
  ///
  /// - Parameters:
  ///   - old: addresses that the guest had before.
  ///   - leavesResolver: whether the file of name servers stays, which another one writes.
  /// - Returns: the files of others that speak of the same interfaces or of such an address: what they say may hold as
  ///   well, or instead.
  @discardableResult
  package func apply(
    _ network: GuestNetwork, replacing old: [String] = [], leavesResolver: Bool = false, to guest: some GuestFiles
  ) throws(Failure) -> [ByteString] {
    var files = try self.files(for: network)
    switch self {
    case .networkd:
      let knows = try Networkd.knowsPermanentAddress(guest)
      files = NetworkdFiles.files(for: network, knowsPermanentAddress: knows)
      try Networkd.enable(in: guest)
    case .ifupdown:
      try Self.haveIfupdownRead(of: guest)
      let hasResolver = try Networkd.hasResolver(guest)
      let isSecond = try guest.kind(InterfacesFile.second) != nil
      files = InterfacesFile.ifupdown(for: network, tellsServers: !hasResolver, isForSecond: isSecond)
      if hasResolver { files += Networkd.resolverFiles(for: network) }
    case .netplan:
      files = NetplanFile.files(for: network, isForNetworkManager: try NetplanFile.isForNetworkManager(in: guest))
    case .alpine: try Self.haveAlpineStart(of: guest)
    default: break
    }
    let foreign = try Self.foreign(files, in: guest)
    for file in files where !foreign.contains(file.path) {
      if file.path == InterfacesFile.path {
        try AlpineInterfaces.write(file, network, to: guest)
      } else {
        try guest.place(file.path, file.bytes, mode: file.mode)
      }
    }
    try Self.removeOwn(from: guest, but: Set(files.map(\.path)))
    if self == .networkd { try Networkd.enableResolver(in: guest) }
    if self == .wicked { try WickedFiles.applyResolver(network.nameservers, network.searchDomains, to: guest) }
    if !leavesResolver, let text = try resolverFile(for: network, in: guest) {
      try guest.place(Self.resolverPath, text)
    }
    var told = try ForeignNetworkFiles.naming(network, or: old, in: guest)
    told += foreign.filter { !told.contains($0) }
    // ifupdown goes through the stanzas of others, too.
    if self == .ifupdown {
      let stanzas = try InterfacesReading(of: guest).configuring
      told += stanzas.filter { !told.contains($0) }
    }
    return told
  }

  // MARK: What must be enabled

  private static func haveIfupdownRead(of guest: some GuestFiles) throws(Failure) {
    guard try !InterfacesReading(of: guest).readsFolder else { return }
    var text = TextLines(try guest.read(InterfacesFile.path) ?? [])
    if text.lines.isEmpty { text.append("# interfaces(5) file used by ifup(8) and ifdown(8)") }
    text.append("source /etc/network/interfaces.d/*")
    try guest.write(InterfacesFile.path, text.bytes, mode: 0o644)
  }

  private static func haveAlpineStart(of guest: some GuestFiles) throws(Failure) {
    let service: ByteString = "/etc/init.d/networking"
    let link: ByteString = "/etc/runlevels/boot/networking"
    if try guest.kind(service) != nil, try guest.kind(link) == nil { try guest.link(link, to: service) }
  }

  // MARK: Name servers

  static let resolverPath: ByteString = "/etc/resolv.conf"

  /// What the file of name servers says; nil where the network has none, or something in the guest makes the file.
  func resolverFile(for network: GuestNetwork, in guest: some GuestFiles) throws(Failure) -> String? {
    guard !network.nameservers.isEmpty else { return nil }
    switch self {
    case .networkd: if try Networkd.hasResolverProgram(guest) { return nil }
    case .netplan, .ifupdown, .alpine:
      // Where a service of the guest makes the file, it has them from the files above.
      if try Networkd.hasResolver(guest) { return nil }
      for maker: ByteString in ["/sbin/resolvconf", "/usr/sbin/resolvconf", "/usr/bin/resolvconf"] {
        if try guest.kind(maker) != nil { return nil }
      }
      // A client of DHCP writes it anew with what its lease says.
      if network.interfaces.contains(where: { $0.dhcp4 }) { return nil }
    // They make the file themselves.
    case .networkManager, .sysconfig, .wicked, .cloudInit: return nil
    }
    let (servers, domains) = (network.nameservers, network.searchDomains)
    let search = domains.isEmpty ? "" : "search \(domains.joined(separator: " "))\n"
    return "\(Self.mark). It is replaced when the network of the instance changes.\n" + search
      + servers.map { "nameserver \($0)\n" }.joined()
  }

  // MARK: What another one had left

  private static func removeOwn(from guest: some GuestFiles, but written: Set<ByteString>) throws(Failure) {
    for place in ownPlaces {
      for path in try place.files(of: guest) where !written.contains(path) { try guest.remove(path) }
    }
    if !written.contains(InterfacesFile.path) { try AlpineInterfaces.removeOwn(from: guest) }
  }
}
