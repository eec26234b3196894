// SPDX-License-Identifier: Apache-2.0
internal import Report

extension NetworkRenderer {
  /// The one for which a guest has files of ours; nil where its network is not ours.
  static func own(in guest: some GuestFiles) throws(Failure) -> NetworkRenderer? {
    // All the files that there can be.
    let all = GuestNetwork(
      (0..<8).map { index in
        var interface = GuestNetwork.Interface(.mac("02:00:00:00:00:0\(index)"), index: index)
        interface.dhcp4 = true
        return interface
      })
    for renderer in allCases {
      for file in try renderer.files(for: all) where !file.path.hasPrefix("/etc/udev/") {
        guard let bytes = try guest.readLeniently(file.path) else { continue }
        let isOurs = TextLines(bytes).lines.contains { $0.starts(with: mark.utf8) }
        if isOurs { return renderer }
      }
    }
    return nil
  }
}
