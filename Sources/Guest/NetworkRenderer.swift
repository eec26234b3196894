// SPDX-License-Identifier: Apache-2.0
package import Report

/// What configures the network of a guest, and the files that it reads for it.
///
/// The files are made from a `GuestNetwork` alone: the same network makes the same bytes. An interface that is left
/// without an address is in none of them.
package enum NetworkRenderer: String, CaseIterable, Sendable {
  /// systemd-networkd, by systemd.network(5).
  case networkd
  /// netplan(5), whichever of systemd-networkd and NetworkManager it has do the work.
  case netplan
  /// ifupdown of Debian, and ifupdown2, by interfaces(5).
  case ifupdown
  /// NetworkManager, by nm-settings-keyfile(5).
  case networkManager = "networkmanager"
  /// The scripts of Red Hat, and NetworkManager's reader of their files.
  case sysconfig
  /// wicked of openSUSE, by ifcfg(5).
  case wicked
  /// ifupdown of Alpine Linux: of BusyBox, and ifupdown-ng.
  case alpine
  /// Any other system, by the cloud-init that it has.
  case cloudInit = "cloud-init"

  package struct File: Sendable, Equatable {
    package var path: ByteString
    package var bytes: [UInt8]
    package var mode: UInt16

    init(_ path: ByteString, _ lines: [String], mode: UInt16 = 0o644) {
      self.path = path
      self.mode = mode
      bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
    }
  }

  /// How each file of ours begins; what does not is another's, whatever its name.
  static let mark = "# Written by guestsmith"

  /// As it is called where it is at home.
  package var name: String {
    switch self {
    case .networkd: "systemd-networkd"
    case .netplan: "netplan"
    case .ifupdown: "ifupdown"
    case .networkManager: "NetworkManager"
    case .sysconfig: "network-scripts"
    case .wicked: "wicked"
    case .alpine: "Alpine's ifupdown"
    case .cloudInit: "cloud-init"
    }
  }

  /// Every file that it takes. Of Alpine it is the part between our two lines of a file that has others.
  package func files(for network: GuestNetwork) throws(Failure) -> [File] {
    try Self.check(network)
    return switch self {
    case .networkd: NetworkdFiles.files(for: network)
    case .netplan: NetplanFile.files(for: network)
    case .ifupdown: InterfacesFile.ifupdown(for: network)
    case .networkManager: ConnectionFiles.files(for: network)
    case .sysconfig: IfcfgFiles.files(for: network)
    case .wicked: WickedFiles.files(for: network)
    case .alpine: try InterfacesFile.alpine(for: network)
    case .cloudInit: try CloudInitNetwork.files(for: network)
    }
  }

  /// What goes into a file is a word, so that no value, wherever it is from, adds a line to it.
  private static func check(_ network: GuestNetwork) throws(Failure) {
    for interface in network.interfaces {
      var words = interface.addresses.map(\.address) + interface.nameservers + interface.searchDomains
      words += interface.routes.flatMap { [$0.gateway, $0.network] }
      words += interface.mac.map { [$0] } ?? []
      let isPlain = words.allSatisfy { word in
        !word.isEmpty
          && word.utf8.allSatisfy { byte in
            UnicodeScalar(byte).properties.isAlphabetic && byte < 0x80
              || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || ".:/-_".utf8.contains(byte)
          }
      }
      guard isPlain else {
        throw Failure(
          .invalid, "an address or a domain of NIC \(interface.index) has a character that belongs into neither",
          remedy: "use letters, digits, periods, colons and hyphens")
      }
    }
  }
}
