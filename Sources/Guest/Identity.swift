// SPDX-License-Identifier: Apache-2.0
package import Report

/// A filesystem of another disk, and where the guest mounts it.
package struct DataMount: Equatable, Sendable {
  package var uuid: String
  /// As blkid names it: `ext4`, `xfs`.
  package var type: String
  package var mountPoint: String

  package init(uuid: String, type: String, mountPoint: String) {
    self.uuid = uuid
    self.type = type
    self.mountPoint = mountPoint
  }
}

/// What makes a freshly installed system the guest of one name: applied once, by create.
package struct Identity: Sendable {
  package var name: GuestName
  package var rootUUID: String
  /// `ext4`, `ext3` or `ext2`.
  package var rootType: String
  package var swapUUID: String?
  /// The filesystems of other disks; their mount points are there.
  package var data: [DataMount] = []
  /// Of a disk that boots by itself.
  package var bootLoader: BootLoader?
  package var network: GuestNetwork
  /// What is told of the network; nil: by what is in the guest.
  package var renderer: NetworkRenderer?
  package var accounts: Accounts
  package var locale: Locale
  package var cleaning: [Cleaning] = []
  /// Nobody chose the guest's packages for this: what it lacks for a part of its configuration leaves that out.
  package var isForeign = false
  /// Files besides the usual ones that are written with the name in them.
  package var nameFiles: [ByteString] = []
  /// What the caller knows of the installation; the rest of the file is filled in from the identity.
  package var release: ReleaseFile

  package init(
    name: GuestName, rootUUID: String, rootType: String = "ext4", swapUUID: String?, network: GuestNetwork = .standard,
    accounts: Accounts = Accounts(), locale: Locale = Locale(), release: ReleaseFile
  ) {
    self.name = name
    self.rootUUID = rootUUID
    self.rootType = rootType
    self.swapUUID = swapUUID
    self.network = network
    self.accounts = accounts
    self.locale = locale
    self.release = release
  }

  @discardableResult
  package func apply(to guest: some GuestFiles) throws(Failure) -> [String] {
    // What the guest may lack is asked for first.
    var notes: [String] = []
    func attempt(_ part: () throws(Failure) -> Void) throws(Failure) {
      do throws(Failure) { try part() } catch {
        guard isForeign, error.code == .guest else { throw error }
        notes.append("left out: \(error.message)")
      }
    }
    try self.renderer?.refuseMissing(in: guest)
    let chosen = isForeign && renderer == nil ? try NetworkRenderer.chosen(in: guest) : renderer
    let renderer = chosen ?? .networkd
    if isForeign, chosen != nil {
      try attempt { () throws(Failure) in notes += try renderer.takeOver(network, of: guest) }
    } else {
      try attempt { () throws(Failure) in try renderer.apply(network, to: guest) }
      if isForeign { try CloudInit.keepName(of: guest) }
    }
    try guest.place(
      Fstab.path, Fstab.render(root: rootUUID, type: rootType, boot: bootLoader, swap: swapUUID, data: data))
    try attempt { () throws(Failure) in try locale.apply(to: guest) }
    try attempt { () throws(Failure) in notes += try accounts.apply(to: guest) }
    try guest.place(Hosts.path, Hosts.render(name, address: network.nameAddress))
    try guest.place(Mailname.path, Mailname.render(name))
    try bootLoader?.apply(to: guest, rootUUID: rootUUID)
    try Console.apply(to: guest)
    // A system that is published, and packages, may have made something for the machine on which they were installed.
    _ = try CopiedIdentity(resetting: guest, cleaning: cleaning)
    try FirstBoot.resetMachineID(of: guest, isNew: true)
    try guest.place(Hostname.path, Hostname.render(name))
    try guest.place(ReleaseFile.path, completeRelease().render())
    if isForeign { try SELinux.relabel(guest) }
    return notes
  }

  private func completeRelease() -> ReleaseFile {
    var release = release
    release.instance = name.full
    release.rootUUID = rootUUID
    release.swapUUID = swapUUID
    release.address = network.signature
    release.nameFiles = [Hostname.path, Hosts.path, Mailname.path] + nameFiles
    return release
  }
}
