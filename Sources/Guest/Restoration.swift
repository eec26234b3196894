// SPDX-License-Identifier: Apache-2.0
package import Report

/// Makes a guest that came out of a dump agree with its name and its disks here: applied by import.
///
/// A guest that comes back stays the machine that it was, whatever its administrator calls it: under its own name, or where
/// that is asked for. Else it is a copy, and gets machine-id and ssh host keys of its own.
package struct Restoration: Sendable {
  package var name: GuestName
  package var origin: Origin
  package var isCopy: Bool
  /// The name of the instance that it was, where the same machine gets another one.
  package var renamedFrom: GuestName?
  /// Of the root filesystem here.
  package var rootUUID: String
  /// The type of the root filesystem, where that was made here.
  package var rootType: String?
  /// Of the swap that was made here; nil where none was.
  package var swapUUID: String?
  /// What the host tells; its fixed addresses replace those of the guest, which keeps its own where there are none.
  package var network: GuestNetwork?
  /// Of the network interfaces that the guest has here, as far as the host tells.
  package var macs: [String] = []
  /// What a copy is called by in a seed that it has among its files.
  package var instanceID: UUID?
  /// What a copy does without besides.
  package var cleaning: [Cleaning] = []
  /// For a guest that comes out of an image.
  package var settings: GuestSettings?
  /// Those of a seed for a copy whose cloud-init reads that.
  package var seed: [(file: Seed.File, bytes: [UInt8])] = []

  package struct Outcome: Sendable, Equatable {
    /// What of its original's identity a copy lost, and what it still has.
    package var identity = CopiedIdentity()
    /// Files that name an address which the guest had, and stay as they are.
    package var naming: [ByteString] = []
    /// What stays as it is, and what of the settings does not reach the guest, and why.
    package var notes: [String] = []
  }

  package init(
    name: GuestName, origin: Origin, isCopy: Bool, rootUUID: String, rootType: String? = nil, swapUUID: String?,
    network: GuestNetwork? = nil
  ) {
    self.name = name
    self.origin = origin
    self.isCopy = isCopy
    self.rootUUID = rootUUID
    self.rootType = rootType
    self.swapUUID = swapUUID
    self.network = network
  }

  @discardableResult
  package func apply(to guest: some GuestFiles) throws(Failure) -> Outcome {
    let guest = WatchedFiles(guest)
    let release = try ReleaseFile.read(from: guest)
    // The name that its administrator gave it is not that of the instance, and stays.
    let isRenamed = renamedFrom.map { old in origin.name.map { $0.isSame(as: old) } ?? true } ?? false
    let oldName = isCopy || isRenamed ? origin.name ?? name : name
    var change = try NameChange(
      from: oldName, to: name, network: network, release: release, isRenewed: settings != nil,
      instanceID: isCopy ? instanceID : nil, in: guest)
    change.release?.rootUUID = rootUUID
    // Where another call restores the swap, it is the one that it was.
    if let swapUUID { change.release?.swapUUID = swapUUID }

    let table = try guest.read(Fstab.path)
    if table != nil || rootType != nil {
      let restored = Fstab.Restored(root: rootUUID, newRootType: rootType, swap: swapUUID)
      try write(Fstab.path, Fstab.restoring(table ?? [], restored), to: guest, insteadOf: table)
    }
    var outcome = Outcome()
    if isCopy {
      outcome.identity = try CopiedIdentity(resetting: guest, having: macs, cleaning: cleaning)
    }
    try change.apply(to: guest)
    (outcome.naming, outcome.notes) = (change.told, change.notes)
    if isCopy || isRenamed || origin.name == nil { try ensureName(of: guest, noting: &outcome.notes) }
    if let renamedFrom, !isRenamed, let own = origin.name {
      outcome.notes.append("the guest calls itself \(own.full), not \(renamedFrom.full), and keeps that name")
    }
    outcome.notes += try settings?.apply(to: guest) ?? []
    if isCopy, !seed.isEmpty { try Seed.place(seed, in: guest) }
    if isCopy { try SELinux.relabel(guest) }
    return outcome
  }

  /// What a guest without a name of its own, or without a line for it, lacks.
  private func ensureName(of guest: some GuestFiles, noting notes: inout [String]) throws(Failure) {
    let own = try NameChange.reading(Hostname.path, noting: &notes) { () throws(Failure) -> String? in
      try Hostname.read(from: guest)
    }
    if let own, own.map(name.matches) != true { try guest.place(Hostname.path, Hostname.render(name)) }
    let found = try NameChange.reading(Hosts.path, noting: &notes) { () throws(Failure) -> [UInt8]? in
      try guest.read(Hosts.path, limit: Hosts.largest)
    }
    guard let hosts = found else { return }
    let isNetworkOurs = try NetworkRenderer.isOurs(Network.path, of: guest)
    let ensured = Hosts.ensuring(hosts ?? [], name, address: isNetworkOurs ? network?.nameAddress : nil)
    try write(Hosts.path, ensured, to: guest, insteadOf: hosts)
  }

  private func write(
    _ path: ByteString, _ bytes: [UInt8], to guest: some GuestFiles, insteadOf found: [UInt8]?
  ) throws(Failure) {
    if bytes != found { try guest.write(path, bytes, mode: 0o644) }
  }
}
