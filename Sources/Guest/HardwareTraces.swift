// SPDX-License-Identifier: Apache-2.0
package import Report

/// What a copy of a guest has that belongs to the hardware of its original: what the guest made for itself is removed,
/// and it makes another or does without; what its administrator wrote stays, and is told of.
package struct HardwareTraces: Sendable, Equatable {
  /// The files that are gone, or that say now that the guest makes their content.
  package private(set) var removed: [ByteString] = []
  /// Files that name an address of a network interface that the guest does not have here, or another name of the
  /// machine in the network of its disks.
  package private(set) var told: [ByteString] = []

  package init() {}

  /// - Parameter macs: the addresses of the interfaces that the guest has here.
  init(removedFrom guest: some GuestFiles, having macs: [String]) throws(Failure) {
    try removeGenerated(from: guest)
    try resetInitiator(of: guest)
    try resetNVMe(of: guest)
    try tellAddresses(of: guest, but: Set(macs.map { $0.lowercased() }))
  }

  // MARK: What the guest made

  /// Names of interfaces and drives by address, which udev kept in Debian until 8 and elsewhere.
  private static let generatedRules = ["70-persistent-net.rules", "70-persistent-cd.rules", "z25_persistent-net.rules"]

  /// Leases and what the guest is known by to the servers that gave them: a copy that shows them gets the address of its
  /// original. By folder, with what the names end in.
  private static let leases: [(folder: ByteString, ends: [ByteString])] = [
    ("/var/lib/dhcp", [".lease", ".leases"]), ("/var/lib/dhclient", [".lease", ".leases"]),
    ("/var/lib/dhcpcd", [".lease", ".lease6", "duid", "secret"]),
    ("/var/lib/NetworkManager", [".lease", "secret_key", "seen-bssids"]), ("/var/lib/wicked", [".xml"]),
  ]

  private mutating func removeGenerated(from guest: some GuestFiles) throws(Failure) {
    for name in Self.generatedRules {
      let path: ByteString = "/etc/udev/rules.d/\(name)"
      if try Self.text(path, of: guest)?.contains("automatically generated") == true { try remove(path, from: guest) }
    }
    for (folder, ends) in Self.leases {
      for name in try guest.list(folder) where ends.contains(where: { name.hasSuffix($0) }) {
        if try guest.kind("\(folder)/\(name)") == .file { try remove("\(folder)/\(name)", from: guest) }
      }
    }
    // LVM then looks at all disks; with it, it finds none that it does not know by its serial number.
    let devices: ByteString = "/etc/lvm/devices/system.devices"
    if try guest.kind(devices) == .file { try remove(devices, from: guest) }
  }

  private mutating func remove(_ path: ByteString, from guest: some GuestFiles) throws(Failure) {
    try guest.remove(path)
    removed.append(path)
  }

  // MARK: Networks of disks

  /// The beginnings of names that packages made.
  private static let generatedInitiators = [
    "iqn.1993-08.org.debian:01:", "iqn.1994-05.com.redhat:", "iqn.1996-04.de.suse:01:", "iqn.2004-10.com.ubuntu:01:",
    "iqn.2016-04.com.open-iscsi:",
  ]

  private mutating func resetInitiator(of guest: some GuestFiles) throws(Failure) {
    let path: ByteString = "/etc/iscsi/initiatorname.iscsi"
    let lines = try Self.lines(path, of: guest)
    guard let name = lines.first(where: { $0.hasPrefix("InitiatorName=") })?.dropFirst("InitiatorName=".count) else {
      return
    }
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
  private mutating func resetNVMe(of guest: some GuestFiles) throws(Failure) {
    let (name, number): (ByteString, ByteString) = ("/etc/nvme/hostnqn", "/etc/nvme/hostid")
    let isGenerated =
      try Self.lines(name, of: guest).allSatisfy { $0.hasPrefix("nqn.2014-08.org.nvmexpress:uuid:") }
    for path in [name, number] where try guest.kind(path) == .file {
      if isGenerated { try remove(path, from: guest) } else { told.append(path) }
    }
  }

  // MARK: Addresses of interfaces

  static let configurations: [ByteString] = [
    "/etc/udev/rules.d", "/etc/systemd/network", "/etc/netplan", "/etc/NetworkManager/conf.d",
    "/etc/NetworkManager/system-connections", "/etc/network", "/etc/network/interfaces.d",
    "/etc/sysconfig/network-scripts", "/etc/sysconfig/network", "/etc/cloud/cloud.cfg.d", "/etc/conf.d",
  ]
  private static let files: [ByteString] = ["/etc/iftab", "/etc/mactab"]

  private mutating func tellAddresses(of guest: some GuestFiles, but own: Set<String>) throws(Failure) {
    var paths = Self.files
    for folder in Self.configurations { paths += try guest.list(folder).map { "\(folder)/\($0)" } }
    for path in paths {
      let addresses = try Self.lines(path, of: guest).flatMap { Self.addresses(in: $0) }
      if addresses.contains(where: { !own.contains($0) }) { told.append(path) }
    }
  }

  /// Six pairs of hexadecimal digits between colons or hyphens, in lower case and with colons.
  static func addresses(in line: some StringProtocol) -> [String] {
    line.lowercased().split { !$0.isHexDigit && $0 != ":" && $0 != "-" }.compactMap { word in
      let pairs = word.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
      // The address of all and of none is nobody's.
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
