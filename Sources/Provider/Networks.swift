// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Glibc
internal import Guest
internal import Interface
internal import Report

/// Gives the addresses of a name.
typealias Resolver = (String) throws(Failure) -> [String]

extension Configuration {
  /// How the guest's first interface gets its address.
  func network(of request: Request, _ resolve: Resolver) throws(Failure) -> Network {
    try staticNetwork(of: request, resolve) ?? Network(.dhcp, nameservers: nameservers)
  }

  /// The static network of an instance; nil where the configuration has none.
  ///
  /// Address, prefix and gateway are those that the host gives the first interface, else the address that the name
  /// resolves to, with the configured prefix and gateway.
  func staticNetwork(of request: Request, _ resolve: Resolver) throws(Failure) -> Network? {
    guard address == .fixed else { return nil }
    let nic = request.nics.first
    let address =
      if let ip = nic?.ip { try Self.checked(ip) } else {
        try Self.address(of: request.instance.text, fitting: prefix, resolve)
      }
    let isIPv6 = address.contains(":")
    let subnet = isIPv6 ? nic?.network?.subnet6 : nic?.network?.subnet
    guard let prefix = subnet?.prefix ?? prefix else {
      throw Failure(
        .invalid, "no prefix length is known for the static address \(address) of \(request.instance)",
        remedy: "set prefix in the configuration, such as prefix = 24, or connect the instance to a network of the host"
      )
    }
    guard prefix <= Self.longestPrefix(of: address) else {
      throw Failure(
        .invalid, "the prefix \(prefix) is longer than the address \(address)",
        remedy: "set prefix to \(Self.longestPrefix(of: address)) at most")
    }
    let hostGateway = isIPv6 ? nic?.network?.gateway6 : nic?.network?.gateway
    let gateway = (hostGateway ?? self.gateway).flatMap { $0.contains(":") == isIPv6 ? $0 : nil }
    return Network(
      .fixed(Network.StaticAddress(address, prefix: prefix, gateway: gateway)), nameservers: nameservers)
  }

  /// The address as it is written into the guest: an IPv4 or IPv6 one and nothing else.
  static func checked(_ address: String) throws(Failure) -> String {
    var bytes = in6_addr()
    guard inet_pton(AF_INET, address, &bytes) == 1 || inet_pton(AF_INET6, address, &bytes) == 1 else {
      throw Failure(
        .invalid, "the address that the host gives the first interface is not one: \(address.quoted)",
        remedy: "correct the address of the instance's first interface")
    }
    return address
  }

  private static func longestPrefix(of address: String) -> Int { address.contains(":") ? 128 : 32 }

  /// The first address of a name: one that has room for the prefix before one that has not.
  private static func address(
    of name: String, fitting prefix: Int?, _ resolve: Resolver
  ) throws(Failure) -> String {
    let addresses: [String]
    do {
      addresses = try resolve(name)
    } catch {
      throw Failure(
        .invalid, "\(name) has no address, and the configuration says address = \"static\": \(error.message)",
        remedy: "give the instance's first interface an address, enter the name into the DNS or /etc/hosts, or set "
          + "address = \"dhcp\"")
    }
    guard let address = addresses.first(where: { prefix ?? 0 <= longestPrefix(of: $0) }) ?? addresses.first else {
      throw Failure(.invalid, "\(name) has no address")
    }
    return address
  }
}
