// SPDX-License-Identifier: Apache-2.0
internal import Report

extension NetworkRenderer {
  /// Where files of ours may be, and how their names begin and end.
  struct Place {
    /// Nil where several write there.
    let renderer: NetworkRenderer?
    let folder: ByteString
    let begins: ByteString
    var ends: ByteString = ""

    /// The files of a guest there that are ours.
    func files(of guest: some GuestFiles) throws(Failure) -> [ByteString] {
      var found: [ByteString] = []
      for name in try guest.list(folder) where name.hasPrefix(begins) && name.hasSuffix(ends) {
        let path: ByteString = "\(folder)/\(name)"
        guard try guest.kind(path) == .file, try guest.readLeniently(path)?.starts(with: mark.utf8) == true else {
          continue
        }
        found.append(path)
      }
      return found
    }
  }

  static let ownPlaces: [Place] = [
    Place(renderer: .networkd, folder: NetworkdFiles.folder, begins: "10-guestsmith", ends: ".network"),
    Place(renderer: .netplan, folder: NetplanFile.folder, begins: "60-guestsmith", ends: ".yaml"),
    Place(renderer: .ifupdown, folder: "/etc/network/interfaces.d", begins: "guestsmith"),
    Place(renderer: .networkManager, folder: ConnectionFiles.folder, begins: "guestsmith-", ends: ".nmconnection"),
    Place(renderer: .sysconfig, folder: IfcfgFiles.folder, begins: "ifcfg-guestsmith"),
    Place(renderer: .sysconfig, folder: IfcfgFiles.folder, begins: "ifcfg-nic"),
    Place(renderer: .sysconfig, folder: IfcfgFiles.folder, begins: "route-guestsmith"),
    Place(renderer: .sysconfig, folder: IfcfgFiles.folder, begins: "route6-guestsmith"),
    Place(renderer: .wicked, folder: WickedFiles.folder, begins: "ifcfg-nic"),
    Place(renderer: .wicked, folder: WickedFiles.folder, begins: "ifroute-nic"),
    Place(renderer: .wicked, folder: WickedFiles.folder, begins: "ifsysctl-nic"),
    Place(renderer: .cloudInit, folder: "/etc/cloud/cloud.cfg.d", begins: "99-guestsmith-network", ends: ".cfg"),
    // Others of ours there are not about the network.
    Place(renderer: nil, folder: "/etc/udev/rules.d", begins: "70-guestsmith-names", ends: ".rules"),
    Place(renderer: nil, folder: "/etc/udev/rules.d", begins: "70-guestsmith-network", ends: ".rules"),
    Place(renderer: nil, folder: "/etc/systemd/resolved.conf.d", begins: "60-guestsmith", ends: ".conf"),
  ]

  /// Whether a file is there that begins as ours do. One that its administrator has replaced does not.
  static func isOurs(_ path: ByteString, of guest: some GuestFiles) throws(Failure) -> Bool {
    try guest.readLeniently(path)?.starts(with: mark.utf8) == true
  }

  /// In the places of which of these files is what is not ours, and stays.
  static func foreign(_ files: [File], in guest: some GuestFiles) throws(Failure) -> [ByteString] {
    var found: [ByteString] = []
    // Of Alpine's file ours is a part.
    for path in files.map(\.path) where path != InterfacesFile.path && !found.contains(path) {
      let isThere = try guest.kind(path) != nil
      if isThere, try !isOurs(path, of: guest) { found.append(path) }
    }
    return found
  }

  /// Its files in a guest.
  func ownFiles(in guest: some GuestFiles) throws(Failure) -> [ByteString] {
    var found: [ByteString] = []
    for place in Self.ownPlaces where place.renderer == self { found += try place.files(of: guest) }
    return found
  }

  /// The one for which a guest has files of ours; nil where its network is not ours.
  static func own(in guest: some GuestFiles) throws(Failure) -> NetworkRenderer? {
    for place in ownPlaces {
      if let renderer = place.renderer, try !place.files(of: guest).isEmpty { return renderer }
    }
    return try AlpineInterfaces.areOurs(in: guest) ? .alpine : nil
  }
}
