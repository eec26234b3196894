// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Files about the network that are not ours: what they say may hold beside what we say, or instead.
enum ForeignNetworkFiles {
  private static let folders: [ByteString] = [
    NetworkdFiles.folder, NetplanFile.folder, "/etc/network", "/etc/network/interfaces.d", ConnectionFiles.folder,
    IfcfgFiles.folder, WickedFiles.folder, "/etc/cloud/cloud.cfg.d", "/etc/conf.d",
  ]

  /// Those that name an interface of the network by its MAC address, an address that it has, or one that it had.
  static func naming(
    _ network: GuestNetwork, or old: [String], in guest: some GuestFiles
  ) throws(Failure) -> [ByteString] {
    let macs = Set(network.interfaces.compactMap(\.mac))
    let texts = old + network.interfaces.flatMap { $0.addresses.map(\.address) }
    let addresses = Set(texts.compactMap { IPAddress($0) })
    var found: [ByteString] = []
    for folder in folders {
      for name in try guest.list(folder) {
        let path: ByteString = "\(folder)/\(name)"
        guard try guest.kind(path) == .file, let bytes = try guest.readLeniently(path),
          !bytes.starts(with: NetworkRenderer.mark.utf8)
        else {
          continue
        }
        var isOurs = false
        for line in TextLines(bytes).lines {
          // What stands between our lines in a file of others is ours.
          if line.starts(with: InterfacesFile.begin.utf8) { isOurs = true }
          if line.starts(with: InterfacesFile.end.utf8) { isOurs = false }
          guard !isOurs, !TextLines.isComment(line) else { continue }
          let named = CopiedIdentity.addresses(in: String(decoding: line, as: UTF8.self))
          if named.contains(where: macs.contains)
            || TextLines.addressWords(of: line).contains(where: { IPAddress($0).map(addresses.contains) == true })
          {
            found.append(path)
            break
          }
        }
      }
    }
    return found
  }
}
