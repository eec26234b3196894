// SPDX-License-Identifier: Apache-2.0
import Report

/// The files of a guest that change when its name does: first worked out whole, then written.
struct NameChange {
  /// New contents by path, in the order in which they are written. `/etc/hostname` is the last: a change that was
  /// interrupted is one that did not take place, and can be repeated.
  private(set) var files: [(path: ByteString, bytes: [UInt8])] = []
  /// The release file with its changes, where the guest has one.
  var release: ReleaseFile?
  private let oldRelease: ReleaseFile?

  /// - Parameters:
  ///   - network: a static one replaces the network of a guest whose network is ours; any other changes nothing.
  ///   - instanceID: what a seed among the files calls the instance from now on; nil changes nothing.
  init(
    from old: GuestName, to new: GuestName, network: Network?, release: ReleaseFile?, instanceID: UUID? = nil,
    in guest: some GuestFiles
  ) throws(Failure) {
    self.release = release
    oldRelease = release
    var address: Hosts.Readdress?
    if let network, let fixed = network.fixedAddress, let found = try guest.read(Network.path) {
      address = Hosts.Readdress(old: release?.fixedAddress, new: fixed)
      add(Network.path, found, Array(network.render().utf8))
      self.release?.address = network.signature
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
    if new != old, let found = try guest.read(Hostname.path) {
      add(Hostname.path, found, Hostname.renaming(found, to: new))
    }
  }

  var isEmpty: Bool { files.isEmpty && release == oldRelease }

  func apply(to guest: some GuestFiles) throws(Failure) {
    if let release, release != oldRelease {
      try guest.write(ReleaseFile.path, release.render(), mode: 0o644)
    }
    for file in files { try guest.write(file.path, file.bytes, mode: 0o644) }
  }

  private mutating func add(_ path: ByteString, _ found: [UInt8], _ changed: [UInt8]) {
    if changed != found { files.append((path, changed)) }
  }
}
