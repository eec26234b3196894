// SPDX-License-Identifier: Apache-2.0
import Report

/// The files of a guest that change when its name does: first worked out whole, then written.
struct NameChange {
  /// New contents by path, in the order in which they are written. `/etc/hostname` is the last: a change that was
  /// interrupted is one that did not take place, and can be repeated.
  private(set) var files: [(path: ByteString, bytes: [UInt8])] = []
  /// Files of ours that the new network does not have.
  private var removed: [ByteString] = []
  /// Files of the guest's administrator that name an address which the guest had.
  private(set) var told: [ByteString] = []
  /// The release file with its changes, where the guest has one.
  var release: ReleaseFile?
  private let oldRelease: ReleaseFile?

  /// - Parameters:
  ///   - network: one with fixed addresses replaces the network of a guest whose network is ours; of any other only the
  ///     MAC addresses count.
  ///   - instanceID: what a seed among the files calls the instance from now on; nil changes nothing.
  init(
    from old: GuestName, to new: GuestName, network: GuestNetwork?, release: ReleaseFile?, instanceID: UUID? = nil,
    in guest: some GuestFiles
  ) throws(Failure) {
    self.release = release
    oldRelease = release
    var address: Hosts.Readdress?
    let ours = try network == nil ? [] : Network.paths(in: guest)
    if let network, !ours.isEmpty {
      if let fixed = network.nameAddress {
        address = Hosts.Readdress(old: release?.fixedAddresses.first, new: fixed)
        try replaceNetwork(ours, by: network, in: guest)
      } else {
        try rematch(network, in: guest)
      }
    }
    if let found = try guest.read(Hosts.path) {
      add(Hosts.path, found, Hosts.renaming(found, from: old, to: new, address: address))
    }
    if let found = try guest.read(Mailname.path) {
      add(Mailname.path, found, Mailname.renaming(found, from: old, to: new))
    }
    for path in try release?.otherNameFiles() ?? [] where !Hosts.isOfLoopback(old) {
      guard let found = try guest.read(path) else { continue }
      // The full name first: the short one is not found inside of it.
      add(path, found, found.replacingName(old.full, with: new.full).replacingName(old.short, with: new.short))
    }
    if new != old, let found = try guest.read(Seed.metaDataPath) {
      let metaData = SeedMetaData(reading: found)
      let renamed = metaData.renamed(new, instanceID: instanceID?.description)
      if metaData.names(old) { add(Seed.metaDataPath, found, renamed.bytes) }
    }
    self.release?.instance = new.full
    if let network, address != nil {
      told = try OldAddresses(of: release, replacedBy: network).files(in: guest, but: files.map(\.path) + removed)
    }
    if new != old, let found = try guest.read(Hostname.path) {
      add(Hostname.path, found, Hostname.renaming(found, to: new))
    }
  }

  private mutating func replaceNetwork(
    _ ours: [ByteString], by network: GuestNetwork, in guest: some GuestFiles
  ) throws(Failure) {
    let new = Network.files(for: network)
    for (path, text) in new { add(path, try guest.read(path) ?? [], Array(text.utf8)) }
    removed = ours.filter { path in !new.contains { $0.path == path } }
    release?.address = network.signature
  }

  /// Has files of ours go by the MAC addresses that the interfaces have here, or by their order where the host does not
  /// tell those.
  private mutating func rematch(_ network: GuestNetwork, in guest: some GuestFiles) throws(Failure) {
    var marked: [Int] = []
    for interface in network.interfaces {
      let path = Network.path(ofInterface: interface.index)
      guard let found = try guest.read(path) else { continue }
      let changed = Network.rematching(found, to: interface.match)
      if changed != found, case .order(let order) = interface.match { marked.append(order) }
      add(path, found, changed)
    }
    guard !marked.isEmpty else { return }
    add(Network.rulesPath, try guest.read(Network.rulesPath) ?? [], Array(Network.rules(marking: marked).utf8))
  }

  var isEmpty: Bool { files.isEmpty && removed.isEmpty && release == oldRelease }

  func apply(to guest: some GuestFiles) throws(Failure) {
    if let release, release != oldRelease {
      try guest.write(ReleaseFile.path, release.render(), mode: 0o644)
    }
    for path in removed { try guest.remove(path) }
    for file in files { try guest.write(file.path, file.bytes, mode: 0o644) }
  }

  private mutating func add(_ path: ByteString, _ found: [UInt8], _ changed: [UInt8]) {
    if changed != found { files.append((path, changed)) }
  }
}
