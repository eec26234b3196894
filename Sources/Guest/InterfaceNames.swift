// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Names for interfaces by their MAC addresses or their order, `nic0` and on: for programs that know an interface by its
/// name alone, which depends on the virtual hardware and on the release.
///
/// udev gives them (udev(7)), before it would give those of its own. They are names that no kernel gives, so that two
/// interfaces never change theirs with each other.
enum InterfaceNames {
  static let path: ByteString = "/etc/udev/rules.d/70-guestsmith-names.rules"

  static func name(of interface: GuestNetwork.Interface) -> String { "nic\(interface.index)" }

  static func files(for interfaces: [GuestNetwork.Interface]) -> [NetworkRenderer.File] {
    if interfaces.isEmpty { return [] }
    let rules = interfaces.map { interface in
      let attribute =
        switch interface.match {
        case .mac(let mac): #"ATTR{address}=="\#(mac)""#
        case .order(let order): #"ATTR{ifindex}=="\#(order + 2)""#
        }
      // A device without a driver is a bridge or the like, and may carry the address of its member.
      return #"ACTION=="add", SUBSYSTEM=="net", DRIVERS=="?*", ATTR{type}=="1", \#(attribute), "#
        + #"NAME="\#(name(of: interface))""#
    }
    return [NetworkRenderer.File(path, ["\(NetworkRenderer.mark): names of network interfaces."] + rules)]
  }
}
