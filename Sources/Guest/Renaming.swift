// SPDX-License-Identifier: Apache-2.0
package import Report

/// Gives a guest another name: in its own files and in those that the provider wrote, nowhere else.
///
/// It stays the same machine: machine-id and ssh host keys do not change.
package struct Renaming: Sendable {
  package var old: GuestName
  package var new: GuestName
  /// What the host tells; its fixed addresses replace those of the guest, which keeps its own where there are none.
  package var network: GuestNetwork?

  package enum Outcome: Sendable, Equatable {
    case renamed
    /// The guest had the new name before; nothing was changed.
    case alreadyNamed
  }

  package init(from old: GuestName, to new: GuestName, network: GuestNetwork? = nil) {
    self.old = old
    self.new = new
    self.network = network
  }

  /// - Parameters:
  ///   - tell: gets the files that name an address which the guest had, and stay as they are.
  ///   - note: gets a line for each of what else stays as it is.
  /// - Throws: a failure of the guest when it has neither of the names; nothing is changed then.
  @discardableResult
  package func apply(
    to guest: some GuestFiles, tell: ([ByteString]) -> Void = { _ in }, note: (String) -> Void = { _ in }
  ) throws(Failure) -> Outcome {
    guard let hostname = try Hostname.read(from: guest) else {
      throw Failure(
        .guest, "the guest names itself nowhere: its /etc/hostname is missing or empty, expected \(old.full)",
        remedy: "write \(old.short) into the guest's /etc/hostname")
    }
    guard old.matches(hostname) || new.matches(hostname) else {
      throw Failure(
        .guest, "the guest calls itself \(Words.printable(hostname, limit: 100)), neither \(old.full) nor \(new.full)",
        remedy: "rename with the name that the guest has, or correct the guest's /etc/hostname")
    }
    // Where both names have the same first label, the short form does not tell one from the other: the files do.
    let isNew = new.matches(hostname) && !(old.matches(hostname) && old.full != new.full)
    if isNew { return .alreadyNamed }
    let release = try ReleaseFile.read(from: guest)
    let change = try NameChange(from: old, to: new, network: network, release: release, in: guest)
    change.notes.forEach(note)
    if change.isEmpty && change.notes.isEmpty { return .alreadyNamed }
    try change.apply(to: guest)
    if !change.told.isEmpty { tell(change.told) }
    return .renamed
  }
}
