// SPDX-License-Identifier: Apache-2.0
import Report

/// The network of a guest that was made here, by systemd-networkd: it comes with systemd, needs no DHCP client, and reads
/// the same files in every release.
///
/// An interface is known by its MAC address where the host tells that: by the permanent one, which a bridge or a VLAN that
/// the guest's administrator puts on it does not have. Else it is known by its order. Which name the first interface gets
/// (`ens3`, `enp1s0`, `enX0`, `eth0`) depends on the virtual hardware and on the kernel's command line, and no host tells.
/// What they have in common is the order in which the kernel finds them: the loopback has index 1, so the first interface
/// has index 2. A udev rule marks that one, whatever its name, and the network file matches the mark.
package enum Network {
  package struct StaticAddress: Sendable, Equatable {
    /// IPv4 or IPv6, without prefix.
    package var address: String
    package var prefix: Int

    package init(_ address: String, prefix: Int) {
      self.address = address
      self.prefix = prefix
    }
  }

  /// Of the first interface.
  static let path: ByteString = path(ofInterface: 0)
  static let rulesPath: ByteString = "/etc/udev/rules.d/70-guestsmith-network.rules"

  static func path(ofInterface index: Int) -> ByteString {
    "\(NetworkdFiles.folder)/\(NetworkdFiles.name(ofInterface: index))"
  }

  /// The files of ours in a guest.
  static func paths(in guest: some GuestFiles) throws(Failure) -> [ByteString] {
    var found: [ByteString] = []
    for name in try guest.list(NetworkdFiles.folder) where isOurs(name) {
      found.append("\(NetworkdFiles.folder)/\(name)")
    }
    found.append(rulesPath)
    var ours: [ByteString] = []
    for path in found where try NetworkRenderer.isOurs(path, of: guest) { ours.append(path) }
    return ours
  }

  /// An administrator may have one of a similar name.
  private static func isOurs(_ name: ByteString) -> Bool {
    let (begin, end): (ByteString, ByteString) = ("10-guestsmith-", ".network")
    if name == "10-guestsmith.network" { return true }
    guard name.hasPrefix(begin), name.hasSuffix(end) else { return false }
    let number = name.bytes.dropFirst(begin.bytes.count).dropLast(end.bytes.count)
    return !number.isEmpty && number.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// A file of ours for an interface whose MAC address is another now, or is not told; where it goes by none, as it is.
  static func rematching(_ file: [UInt8], to match: GuestNetwork.Match) -> [UInt8] {
    var text = TextLines(file)
    for index in text.lines.indices {
      for key in ["PermanentMACAddress=", "MACAddress="] where text.lines[index].starts(with: key.utf8) {
        let line =
          switch match {
          case .mac(let mac): key + mac
          case .order(let order): NetworkdFiles.property(of: order)
          }
        text.lines[index] = Array("\(line)\n".utf8)
      }
    }
    return text.bytes
  }
}
