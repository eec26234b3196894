// SPDX-License-Identifier: Apache-2.0
import Report

/// The fixed addresses that a guest used to have: files of its administrator that name one stay as they are, and are listed.
struct OldAddresses {
  private let addresses: Set<IPAddress>

  init(of release: ReleaseFile?, replacedBy network: GuestNetwork) {
    let new = network.fixedAddresses.compactMap { IPAddress($0.address) }
    addresses = Set(release?.fixedAddresses.compactMap { IPAddress($0) } ?? []).subtracting(new)
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

  private func names(_ path: ByteString, of guest: some GuestFiles) throws(Failure) -> Bool {
    TextLines(try guest.readLeniently(path) ?? []).lines.contains { line in
      !TextLines.isComment(line) && TextLines.addressWords(of: line).contains(where: names)
    }
  }
}
