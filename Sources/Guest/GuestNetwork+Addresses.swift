// SPDX-License-Identifier: Apache-2.0

extension GuestNetwork {
  /// DHCP on the first interface, of a host that tells nothing.
  package static let standard: GuestNetwork = {
    var first = Interface(.order(0), index: 0)
    (first.dhcp4, first.dhcp6, first.acceptsAdvertisements) = (true, true, true)
    return GuestNetwork([first])
  }()

  /// All fixed ones, in the order of the interfaces.
  package var fixedAddresses: [Network.StaticAddress] { interfaces.flatMap(\.addresses) }

  /// The fixed address that the guest's name has, without prefix: the first.
  var nameAddress: String? { fixedAddresses.first?.address }

  /// As the release file has it: `dhcp`, or the fixed addresses with their prefixes, that of the name first.
  var signature: String {
    let fixed = fixedAddresses.map { "\($0.address)/\($0.prefix)" }
    return fixed.isEmpty ? "dhcp" : fixed.joined(separator: ",")
  }
}
