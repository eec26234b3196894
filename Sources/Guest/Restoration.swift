// SPDX-License-Identifier: Apache-2.0
package import Report

/// Makes a guest that came out of a dump agree with its name and its disks here: applied by import.
///
/// A guest that comes back under its own name stays the machine that it was, with its machine-id and ssh host keys.
/// Under another name it is a copy, and gets its own.
package struct Restoration: Sendable {
  package var name: GuestName
  /// UUID of the root filesystem as the dump had it, and as it is here.
  package var oldRootUUID: String
  package var rootUUID: String
  /// The type of the root filesystem, where it is not the one that the guest had.
  package var rootType: String?
  package var swapUUID: String?
  /// The network of the name, where that is static; else the guest keeps its own.
  package var network: Network?

  package struct Outcome: Sendable, Equatable {
    /// What the guest called itself before; nothing where it did not.
    package var oldName: GuestName?
    package var isRenamed: Bool
    /// Whether a copy kept the ssh host keys of its original, since it has nothing that would make new ones.
    package var keptSSHHostKeys: Bool
  }

  package init(
    name: GuestName, oldRootUUID: String, rootUUID: String, rootType: String? = nil, swapUUID: String?,
    network: Network? = nil
  ) {
    self.name = name
    self.oldRootUUID = oldRootUUID
    self.rootUUID = rootUUID
    self.rootType = rootType
    self.swapUUID = swapUUID
    self.network = network
  }

  @discardableResult
  package func apply(to guest: some GuestFiles) throws(Failure) -> Outcome {
    let release = try ReleaseFile.read(from: guest)
    let oldName = try nameOf(guest, release)
    let isRenamed = oldName != name
    var change = try NameChange(from: oldName ?? name, to: name, network: network, release: release, in: guest)
    change.release?.rootUUID = rootUUID
    // Where another call restores the swap, it is the one that it was.
    if let swapUUID { change.release?.swapUUID = swapUUID }

    if let found = try guest.read(Fstab.path) {
      let restored = Fstab.Restored(
        oldRoot: oldRootUUID, root: rootUUID, rootType: rootType, oldSwap: release?.swapUUID, swap: swapUUID)
      try write(Fstab.path, Fstab.restoring(found, restored), to: guest, insteadOf: found)
    }
    var keptSSHHostKeys = false
    if isRenamed {
      if try guest.kind("/etc/machine-id") != nil { try FirstBoot.resetMachineID(of: guest) }
      keptSSHHostKeys = try !FirstBoot.resetSSHHostKeys(of: guest)
    }
    try change.apply(to: guest)
    try ensureName(of: guest)
    return Outcome(oldName: oldName, isRenamed: isRenamed, keptSSHHostKeys: keptSSHHostKeys)
  }

  /// The name that the guest has, in full where anything in it tells: the release file, `/etc/hosts`.
  private func nameOf(_ guest: some GuestFiles, _ release: ReleaseFile?) throws(Failure) -> GuestName? {
    guard let hostname = try Hostname.read(from: guest) else { return nil }
    if hostname.withoutRoot.contains(".") { return GuestName(hostname) }
    if let release, GuestName(release.instance).matches(hostname) { return GuestName(release.instance) }
    let hosts = try guest.read(Hosts.path) ?? []
    return GuestName(Hosts.fullName(of: hostname, in: hosts) ?? hostname)
  }

  /// What a guest without a name of its own, or without a line for it, lacks.
  private func ensureName(of guest: some GuestFiles) throws(Failure) {
    if try Hostname.read(from: guest).map(name.matches) != true {
      try guest.place(Hostname.path, Hostname.render(name))
    }
    let hosts = try guest.read(Hosts.path)
    let isNetworkOurs = try guest.kind(Network.path) != nil
    let ensured = Hosts.ensuring(hosts ?? [], name, address: isNetworkOurs ? network?.fixedAddress : nil)
    try write(Hosts.path, ensured, to: guest, insteadOf: hosts)
  }

  private func write(
    _ path: ByteString, _ bytes: [UInt8], to guest: some GuestFiles, insteadOf found: [UInt8]?
  ) throws(Failure) {
    if bytes != found { try guest.write(path, bytes, mode: 0o644) }
  }
}
