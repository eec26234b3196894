// SPDX-License-Identifier: Apache-2.0
import Report

/// The fixed addresses that a guest used to have: files of its administrator that name one stay as they are, and are listed.
///
/// The release file has them, or else, in a guest of an image, the files of ours that configure its network.
struct OldAddresses {
  /// Those that the name of the guest may have in `/etc/hosts`, and loses.
  let ofName: [String]
  private let addresses: Set<IPAddress>

  init(of release: ReleaseFile?, in guest: some GuestFiles, replacedBy network: GuestNetwork) throws(Failure) {
    let new = Set(network.fixedAddresses.compactMap { IPAddress($0.address) })
    let old: [String]
    if let release, !release.address.isEmpty {
      old = release.fixedAddresses
      ofName = Array(old.prefix(1))
    } else {
      old = try NetworkRenderer.ownAddresses(in: guest)
      // Which is that of the name is not told.
      ofName = old.filter { IPAddress($0).map(new.contains) == false }
    }
    addresses = Set(old.compactMap { IPAddress($0) }).subtracting(new)
  }

  /// Where services and the network of a guest are configured.
  private static let files: [ByteString] = [
    "/etc/hosts.allow", "/etc/hosts.deny", "/etc/ssh/sshd_config", "/etc/network/interfaces", "/etc/exports",
    "/etc/nftables.conf", "/etc/resolv.conf", "/etc/rc.local",
  ]

  /// The files that name one of them, apart from those that are changed.
  func files(in guest: some GuestFiles, but changed: [ByteString]) throws(Failure) -> [ByteString] {
    guard !addresses.isEmpty else { return [] }
    var paths = Self.files
    for folder in CopiedIdentity.configurations { paths += try guest.list(folder).map { "\(folder)/\($0)" } }
    var found: [ByteString] = []
    for path in paths where !changed.contains(path) && !found.contains(path) {
      if try names(path, of: guest) { found.append(path) }
    }
    return found
  }

  /// An address, or one of IPv4 with a port.
  private func names(_ word: String) -> Bool {
    ([word[...]] + word.split(separator: ":")).contains { IPAddress(String($0)).map(addresses.contains) == true }
  }

  /// What is ours of a file is written anew.
  private func names(_ path: ByteString, of guest: some GuestFiles) throws(Failure) -> Bool {
    var text = TextLines(try guest.readLeniently(path) ?? [])
    AlpineInterfaces.removeOwn(from: &text)
    if text.lines.first?.starts(with: NetworkRenderer.mark.utf8) == true { return false }
    return text.lines.contains { line in
      !TextLines.isComment(line) && TextLines.addressWords(of: line).contains(where: names)
    }
  }
}
