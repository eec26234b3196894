// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Ext4
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage

// What tells one guest from another.

extension Trial {
  /// - Parameter disks: those of two guests.
  func judgeIdentities(_ created: Made<CreatedGuest>, _ disks: Made<[[ScratchDisk]]>) {
    judge(.identities, with: created.flatMap(\.written).and(disks)) { _, disks throws(Failure) in
      let (one, other) = (try identities(of: disks[0]), try identities(of: disks[1]))
      let same = one.filter { other[$0.key] == $0.value }.keys.sorted()
      let evidence = one.keys.sorted().map { "compared: \($0)" }
      guard let first = same.first else { return .pass(evidence) }
      return .fail(
        "two guests have the same \(first)\(same.count > 1 ? ", and \(same.count - 1) more" : "")",
        same.map { "the same in both: \($0)" })
    }
  }

  /// By what each is called in a message.
  private func identities(of disks: [ScratchDisk]) throws(Failure) -> [String: String] {
    var found: [String: String] = [:]
    for (index, disk) in disks.enumerated() {
      let words = index == 0 ? "" : " of disk \(index)"
      try disk.flush()
      if let table = try disk.partitionTable()?.table {
        if case .gpt(let gpt) = table { found["GUID of the disk\(words)"] = "\(gpt.guid)" }
        for partition in table.partitions { found["GUID of partition \(partition.number)\(words)"] = partition.uuid }
      }
      for content in try Disk(disk.path, for: .reading).contents() {
        found["UUID of the \(content.type) at byte \(content.offset)\(words)"] = content.uuid
      }
      if let metaData = try SeedFiles(of: disk).texts["/meta-data"] {
        found["instance ID of the seed\(words)"] = SeedFiles.instanceID(in: metaData)
      }
    }
    guard let content = try disks[0].filesystem(), content.isExt else { return found }
    for path in try Self.secrets(on: disks[0], content) {
      guard let text = try disks[0].text(path, in: content), !text.isEmpty else { continue }
      // Until its first boot a guest may have none of its own.
      if text.hasPrefix("uninitialized") || text.contains("GenerateName=yes") { continue }
      found["\(path)"] = SHA256.hex(of: Array(text.utf8))
    }
    for path in Self.metaData {
      guard let text = try disks[0].text(path, in: content) else { continue }
      found["instance ID in \(path)"] = SeedFiles.instanceID(in: text)
    }
    return found
  }

  private static func secrets(on disk: ScratchDisk, _ content: DiskContent) throws(Failure) -> [ByteString] {
    try disk.withFilesystem(content) { filesystem throws(Failure) in
      let keys = try filesystem.list("/etc/ssh").filter { $0.hasPrefix("ssh_host_") }.map { "/etc/ssh/" + $0 }
      var leases: [ByteString] = []
      for folder in Self.leaseFolders {
        leases += try filesystem.list(folder).filter(Self.isLease).map { "\(folder)/\($0)" }
      }
      return keys + leases + [
        "/etc/machine-id", "/var/lib/dbus/machine-id", "/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed",
        "/var/lib/systemd/credential.secret", "/var/lib/NetworkManager/secret_key", "/etc/iscsi/initiatorname.iscsi",
        "/etc/nvme/hostnqn", "/etc/nvme/hostid", "/etc/dhcpcd.duid",
        "/var/lib/dhcpv6/dhcp6c_duid",
      ]
    }
  }

  /// With leases, and the DUIDs by which servers know a client.
  private static let leaseFolders: [ByteString] = [
    "/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/dhcpcd", "/var/lib/NetworkManager", "/var/lib/wicked",
  ]

  private static func isLease(_ name: ByteString) -> Bool {
    [".lease", ".leases", ".lease6"].contains { name.hasSuffix($0) } || name.hasPrefix("lease")
      || name.hasPrefix("duid")
  }

  /// Of seeds in the guest's own filesystem.
  private static let metaData: [ByteString] = [
    "/var/lib/cloud/seed/nocloud/meta-data", "/var/lib/cloud/seed/nocloud-net/meta-data",
  ]
}
