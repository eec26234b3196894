// SPDX-License-Identifier: Apache-2.0
import Report

/// The cloud-init of a guest that has its name by its own files: it leaves alone what they say.
enum CloudInit {
  static let path: ByteString = "/etc/cloud/cloud.cfg.d/99-guestsmith.cfg"

  private static let head =
    "# Written by guestsmith: what the guest's own files say counts. A file that comes later in order may say otherwise.\n"

  /// Has it keep the host name, and the network where that is written too.
  static func keepName(of guest: some GuestFiles, andNetwork keepsNetwork: Bool = false) throws(Failure) {
    guard try guest.kind(Seed.program) != nil else { return }
    let network = keepsNetwork ? "network: {config: disabled}\n" : ""
    try guest.place(path, "\(head)preserve_hostname: true\n\(network)")
  }

  /// What it wrote of the network of the machine that the guest was, by folder and by the beginning of the name.
  private static let written: [(folder: ByteString, begins: ByteString)] = [
    ("/etc/netplan", "50-cloud-init"), ("/etc/network/interfaces.d", "50-cloud-init"),
    ("/etc/systemd/network", "10-cloud-init-"), ("/etc/NetworkManager/system-connections", "cloud-init-"),
    ("/etc/sysconfig/network-scripts", "ifcfg-"), ("/etc/sysconfig/network", "ifcfg-"),
    ("/etc/cloud/cloud.cfg.d", "50-curtin-networking"),
  ]

  /// Removes that.
  static func removeNetwork(of guest: some GuestFiles) throws(Failure) {
    guard try guest.kind(Seed.program) != nil else { return }
    for (folder, begins) in written {
      for name in try guest.list(folder) where name.hasPrefix(begins) {
        let path: ByteString = "\(folder)/\(name)"
        guard try guest.kind(path) == .file else { continue }
        // Administrators, too, have files with the names of Red Hat's and openSUSE's.
        if begins == "ifcfg-" {
          guard try guest.readLeniently(path)?.starts(with: "# Created by cloud-init".utf8) == true else { continue }
        }
        try guest.remove(path)
      }
    }
  }
}
