// SPDX-License-Identifier: Apache-2.0

extension Key {
  /// Those of a guest's network.
  static let networks =
    [
      Key(
        "address", .choice(\.address),
        "how a guest gets its addresses: \"static\" uses those that the host assigns, or that its name resolves to",
        "\"dhcp\" or \"static\"")
    ]
    + Configuration.keyedNICs.map { index in
      let others = index == 0 ? " (and so on to nic_\(Configuration.keyedNICs.upperBound))" : ""
      return Key(
        "nic_\(index)", .words(\.nics[index]) { NICWord($0) != nil },
        "how interface \(index) gets its addresses\(others); unset: as address and the host's network say",
        "a list or a string of \"dhcp\", \"dhcp4\", \"dhcp6\", \"slaac\", \"static\", addresses such as \"192.0.2.7/24\", "
          + "\"gateway:192.0.2.1\" and \"route:203.0.113.0/24@192.0.2.2\", or \"none\"",
        example: .list(["static", "slaac"]), isRepeated: index > 0)
    }
    + [
      Key(
        "prefix", .integer(\.prefix) { (1...128).contains($0) },
        "the prefix length of a static address; unset: that of the host's network",
        "a number from 1 to 128", example: .integer(24)),
      Key(
        "gateway", .text(\.gateway, Rules.isAddress),
        "the gateway of a static address, unless the host's network has one", "an IPv4 or IPv6 address",
        example: .text("192.0.2.1")),
      Key(
        "nameservers", .list(\.nameservers, of: .words, Rules.isAddress),
        "name servers of the guests, in addition to those from DHCP", "a list of IPv4 or IPv6 addresses"),
      Key(
        "search", .list(\.search, of: .words, Rules.isDomain), "the domains that the guests look short names up in",
        "a list of names of domains"),
      Key(
        "mtu", .integer(\.mtu) { (68...65535).contains($0) },
        "the most bytes of a packet on the guests' interfaces; unset: as the link has it",
        "a number of bytes from 68 to 65535", example: .integer(1400)),
      Key(
        "network_renderer", .choice(\.networkRenderer),
        "which program in the guest is configured for its network; unset: the one that is installed and enabled there",
        "\"networkd\", \"netplan\", \"ifupdown\", \"networkmanager\", \"sysconfig\", \"wicked\", \"alpine\" or \"cloud-init\"",
        example: .text("netplan")),
    ]
}
