// SPDX-License-Identifier: Apache-2.0
package import Report

/// What became in a copy of the rows of `IdentityTable`: what the guest made for itself is gone, and it makes another or
/// does without; what its administrator wrote stays, and is told of.
package struct CopiedIdentity: Sendable, Equatable {
  /// The files that are gone, or that say now that the guest makes their content.
  package private(set) var removed: [ByteString] = []
  /// Files that name the machine that it was copied from, such as an address of a network interface that it does not have
  /// here, or that could not be changed.
  package private(set) var told: [ByteString] = []
  /// Whether the copy keeps the ssh host keys of its original, since it has nothing that would make new ones.
  package private(set) var keptSSHHostKeys = false
  /// How many files went by each choice, in the order of the choices.
  package private(set) var cleaned: [Cleaned] = []
  /// The rows of which there is more than is looked at.
  package private(set) var unfinished: [String] = []

  package struct Cleaned: Sendable, Equatable {
    package let choice: Cleaning
    package var files: Int
  }

  package init() {}

  /// - Parameter macs: the addresses of the interfaces that the guest has here.
  init(
    resetting guest: some GuestFiles, having macs: [String] = [], cleaning choices: [Cleaning] = []
  ) throws(Failure) {
    for row in IdentityTable.rows {
      if let choice = row.choice, !choices.contains(choice) { continue }
      switch row.care {
      case .none: try treat(row, of: guest)
      case .quiet:
        let known = removed
        try treat(row, of: guest)
        removed = known
      case .cloudInit: if try guest.kind(Seed.program) != nil { try treat(row, of: guest) }
      case .machineID: try FirstBoot.resetMachineID(of: guest)
      case .sshHostKeys:
        let own = try find(row, in: guest)
        keptSSHHostKeys = try FirstBoot.resetSSHHostKeys(row, of: guest) == .kept
        for path in try SSHDaemon(of: .root, in: guest).hostKeys where !own.contains(path) {
          let kind = try guest.kind(path)
          if kind == .file || kind == .symbolicLink { told.append(path) }
        }
      case .udevNames: try removeRules(row, of: guest)
      case .initiator: try resetInitiator(row, of: guest)
      case .nvme: try resetNVMe(row, of: guest)
      case .addresses: try tellAddresses(row, of: guest, but: Set(macs.map { $0.lowercased() }))
      }
    }
  }

  // MARK: Any row

  private mutating func treat(_ row: IdentityRow, of guest: some GuestFiles) throws(Failure) {
    for path in try find(row, in: guest) {
      do throws(Failure) {
        switch row.treatment {
        case .emptied:
          // A link leads to what is not meant.
          guard try guest.kind(path) == .file else { continue }
          try guest.write(path, [], mode: 0o644)
        case .removed: try guest.remove(path)
        case .told:
          told.append(path)
          continue
        }
      } catch {
        // Encrypted, or the like.
        guard error.code == .guest else { throw error }
        told.append(path)
        continue
      }
      if let choice = row.choice { count(choice) } else { removed.append(path) }
    }
  }

  private mutating func find(_ row: IdentityRow, in guest: some GuestFiles) throws(Failure) -> [ByteString] {
    var paths: [ByteString] = []
    for place in row.places {
      let found = try place.find(in: guest)
      if found.isCut, unfinished.last != row.name { unfinished.append(row.name) }
      paths += found.paths
    }
    return paths
  }

  private mutating func count(_ choice: Cleaning) {
    if let index = cleaned.firstIndex(where: { $0.choice == choice }) {
      cleaned[index].files += 1
    } else {
      cleaned.append(Cleaned(choice: choice, files: 1))
    }
  }

  private mutating func remove(_ path: ByteString, from guest: some GuestFiles) throws(Failure) {
    try guest.remove(path)
    removed.append(path)
  }

  // MARK: What may be the administrator's

  /// Names of interfaces and drives by address, which udev kept in Debian until 8 and elsewhere.
  private mutating func removeRules(_ row: IdentityRow, of guest: some GuestFiles) throws(Failure) {
    for path in try find(row, in: guest)
    where try Self.text(path, of: guest)?.contains("automatically generated") == true {
      try remove(path, from: guest)
    }
  }

  /// The beginnings of names that packages made.
  private static let generatedInitiators = [
    "iqn.1993-08.org.debian:01:", "iqn.1994-05.com.redhat:", "iqn.1996-04.de.suse:01:", "iqn.2004-10.com.ubuntu:01:",
    "iqn.2016-04.com.open-iscsi:",
  ]

  private mutating func resetInitiator(_ row: IdentityRow, of guest: some GuestFiles) throws(Failure) {
    guard let path = try find(row, in: guest).first,
      let name = try Self.lines(path, of: guest).first(where: { $0.hasPrefix("InitiatorName=") })?
        .dropFirst("InitiatorName=".count)
    else { return }
    guard Self.generatedInitiators.contains(where: { name.hasPrefix($0) }) else { return told.append(path) }
    // Debian's script makes a name where the file asks for it, others where the file is missing.
    let scripts: [ByteString] = ["/lib/open-iscsi/startup-checks.sh", "/usr/lib/open-iscsi/startup-checks.sh"]
    var isDebian = false
    for script in scripts where !isDebian { isDebian = try guest.kind(script) != nil }
    if isDebian {
      try guest.write(path, Array("GenerateName=yes\n".utf8), mode: 0o600)
      removed.append(path)
    } else {
      try remove(path, from: guest)
    }
  }

  /// Without these nvme(1) makes a name out of the machine's UUID.
  private mutating func resetNVMe(_ row: IdentityRow, of guest: some GuestFiles) throws(Failure) {
    let paths = try find(row, in: guest)
    let names = try paths.first.map { path throws(Failure) in try Self.lines(path, of: guest) } ?? []
    let isGenerated =
      paths.first?.hasSuffix("hostid") == true
      || names.allSatisfy { $0.hasPrefix("nqn.2014-08.org.nvmexpress:uuid:") }
    for path in paths where try guest.kind(path) == .file {
      if isGenerated { try remove(path, from: guest) } else { told.append(path) }
    }
  }

  // MARK: Addresses of interfaces

  static let configurations: [ByteString] = [
    "/etc/udev/rules.d", "/etc/systemd/network", "/etc/netplan", "/etc/NetworkManager/conf.d",
    "/etc/NetworkManager/system-connections", "/etc/network", "/etc/network/interfaces.d",
    "/etc/sysconfig/network-scripts", "/etc/sysconfig/network", "/etc/cloud/cloud.cfg.d", "/etc/conf.d",
  ]

  private mutating func tellAddresses(
    _ row: IdentityRow, of guest: some GuestFiles, but own: Set<String>
  ) throws(Failure) {
    for path in try find(row, in: guest) {
      let addresses = try Self.lines(path, of: guest).flatMap { Self.addresses(in: $0) }
      if addresses.contains(where: { !own.contains($0) }) { told.append(path) }
    }
  }

  /// Six pairs of hexadecimal digits between colons or hyphens, in lower case and with colons.
  static func addresses(in line: some StringProtocol) -> [String] {
    line.lowercased().split { !$0.isHexDigit && $0 != ":" && $0 != "-" }.compactMap { word in
      let pairs = word.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
      // All ones is the broadcast address, and all zeros stands for an unknown one.
      guard pairs.count == 6, pairs.allSatisfy({ $0.count == 2 }), Set(pairs) != ["ff"], Set(pairs) != ["00"] else {
        return nil
      }
      return pairs.joined(separator: ":")
    }
  }

  // MARK: Reading

  /// A small file, of which nothing but what it says matters: what can't be read says nothing.
  private static func text(_ path: ByteString, of guest: some GuestFiles) throws(Failure) -> String? {
    try guest.readLeniently(path).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The lines that are not comments, without the blanks around them.
  private static func lines(_ path: ByteString, of guest: some GuestFiles) throws(Failure) -> [Substring] {
    (try text(path, of: guest) ?? "").split(whereSeparator: \.isNewline).map { line in
      var line = line.drop { $0.isWhitespace }
      while line.last?.isWhitespace == true { line.removeLast() }
      return line
    }.filter { !$0.hasPrefix("#") }
  }
}
