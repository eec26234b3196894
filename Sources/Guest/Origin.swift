// SPDX-License-Identifier: Apache-2.0
package import Report

/// What a guest that comes out of a dump was, as its own files tell.
package struct Origin: Sendable, Equatable {
  /// In full where the release file or `/etc/hosts` tells; nil where the guest does not name itself.
  package var name: GuestName?
  /// Of the root filesystem, by fstab or else by the release file.
  package var rootUUID: String?
  /// Of the swap: the one that the release file names, or else the first of fstab.
  package var swapUUID: String?
  /// What the guest mounts, by fstab.
  package var mounts: [MountedFilesystem] = []

  package init(of guest: some GuestFiles) throws(Failure) {
    let release = try ReleaseFile.read(from: guest)
    name = try Self.name(of: guest, release)
    let table = try guest.read(Fstab.path).map(Fstab.Mounts.init)
    rootUUID = table?.root ?? release.map(\.rootUUID).flatMap { $0.isEmpty ? nil : $0.lowercased() }
    let known = release?.swapUUID?.lowercased()
    swapUUID = table?.swaps.first { $0 == known } ?? table?.swaps.first
    mounts = table?.filesystems ?? []
  }

  /// Whether a guest that is restored as `name` is the machine that was dumped, or else a copy of it.
  ///
  /// - Parameter recorded: the instance of which the dump says that it is. It counts for more than what the guest
  ///   calls itself, which is its administrator's choice.
  package func isSame(as name: GuestName, recorded: String?) -> Bool {
    if let recorded { return GuestName(recorded) == name }
    return self.name?.isSame(as: name) ?? false
  }

  private static func name(of guest: some GuestFiles, _ release: ReleaseFile?) throws(Failure) -> GuestName? {
    guard let hostname = try guest.readLeniently(Hostname.path).flatMap(Hostname.parse) else { return nil }
    if hostname.withoutRoot.contains(".") { return GuestName(hostname) }
    if let release, GuestName(release.instance).matches(hostname) { return GuestName(release.instance) }
    let hosts = try guest.readLeniently(Hosts.path, limit: Hosts.largest) ?? []
    return GuestName(Hosts.fullName(of: hostname, in: hosts) ?? hostname)
  }
}
