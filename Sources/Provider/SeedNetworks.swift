// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Guest
internal import Interface
internal import Report

extension Configuration {
  /// The network of a guest, for its seed: all interfaces that the host tells of. Nil where it does not tell the MAC address
  /// of each, by which cloud-init knows them.
  ///
  /// The first interface gets what `staticNetwork` says, and an address of the other family where its name has one and the
  /// host's network tells the prefix; a further one the address that the host gives it.
  func seedNetwork(of request: Request, _ resolve: Resolver) throws(Failure) -> SeedNetwork? {
    guard !request.nics.isEmpty else { return nil }
    var interfaces: [SeedNetwork.Interface] = []
    let first = try staticNetwork(of: request, resolve)
    for nic in request.nics {
      guard let mac = nic.mac else { return nil }
      let addresses: SeedNetwork.Addresses
      if address == .dhcp {
        addresses = .dhcp
      } else if nic.index == request.nics.first?.index {
        addresses = .fixed(self.addresses(first, of: nic, request.instance.text, resolve))
      } else {
        let own = nic.ip.flatMap { self.address($0, of: nic, orPrefix: prefix) }
        addresses = own.map { .fixed([$0]) } ?? .none
      }
      interfaces.append(SeedNetwork.Interface(mac: mac, addresses))
    }
    return SeedNetwork(interfaces, nameservers: nameservers)
  }

  private func addresses(
    _ network: Network?, of nic: RequestedNIC, _ name: String, _ resolve: Resolver
  ) -> [Network.StaticAddress] {
    guard case .fixed(let own)? = network?.address else { return [] }
    let isIPv6 = own.address.contains(":")
    // A name that is not known has the address that the host tells, and no other.
    let others = ((try? resolve(name)) ?? []).filter { $0.contains(":") != isIPv6 }
    return [own] + others.prefix(1).compactMap { address($0, of: nic, orPrefix: nil) }
  }

  /// Nil where it has no prefix.
  private func address(
    _ text: String, of nic: RequestedNIC, orPrefix other: Int?
  ) -> Network.StaticAddress? {
    let isIPv6 = text.contains(":")
    let subnet = isIPv6 ? nic.network?.subnet6 : nic.network?.subnet
    guard isAddress(text), let prefix = subnet?.prefix ?? other, prefix <= (isIPv6 ? 128 : 32) else { return nil }
    let gateway = isIPv6 ? nic.network?.gateway6 : nic.network?.gateway
    return Network.StaticAddress(text, prefix: prefix, gateway: gateway)
  }

  private func isAddress(_ text: String) -> Bool { (try? Self.checked(text)) != nil }
}
