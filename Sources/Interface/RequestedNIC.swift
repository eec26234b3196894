// SPDX-License-Identifier: Apache-2.0

/// A network interface of the instance, as the host has it.
package struct RequestedNIC: Equatable, Sendable {
  /// The network that the host knows it to be in.
  package struct Network: Equatable, Sendable {
    package var name: String?
    package var uuid: String?
    /// IPv4, with its prefix: `192.0.2.0/24`.
    package var subnet: Subnet?
    package var gateway: String?
    package var subnet6: Subnet?
    package var gateway6: String?
    /// What the administrator marked it with.
    package var tags: [String] = []

    package init(name: String? = nil, uuid: String? = nil) {
      self.name = name
      self.uuid = uuid
    }
  }

  package struct Subnet: Equatable, Sendable {
    package var address: String
    package var prefix: Int

    package init(address: String, prefix: Int) {
      self.address = address
      self.prefix = prefix
    }
  }

  package var index: Int
  package var mac: String?
  package var uuid: String?
  /// IPv4 or IPv6.
  package var ip: String?
  /// Such as `bridged`, `routed` or `openvswitch`.
  package var mode: String?
  /// The bridge or the like that it is connected to.
  package var link: String?
  /// What the administrator calls it.
  package var name: String?
  /// The kind of device that the guest sees, such as `paravirtual`.
  package var frontend: String?
  package var network: Network?

  package init(index: Int) {
    self.index = index
  }
}
