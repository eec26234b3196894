// SPDX-License-Identifier: Apache-2.0
import Report

/// What makes a guest itself and must not be shared: taken away here, made anew by the guest when it boots.
enum FirstBoot {
  static let unitName: ByteString = "guestsmith-ssh-host-keys.service"
  static let unitPath: ByteString = "/etc/systemd/system/\(unitName)"

  /// `ssh-keygen -A` makes each kind of key that is missing, and the one of the condition last.
  static let unit = """
    # Written by guestsmith: each guest makes its own ssh host keys.
    [Unit]
    Description=Make the ssh host keys of this guest
    ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
    ConditionFileIsExecutable=/usr/bin/ssh-keygen
    Before=ssh.service sshd.service

    [Service]
    Type=oneshot
    ExecStart=/usr/bin/ssh-keygen -A

    [Install]
    WantedBy=multi-user.target

    """

  /// Empties the machine-id, so that the first boot makes one. The file stays: were it missing (or said
  /// `uninitialized`), systemd would take the boot for the very first one and reset which units are enabled. With OpenRC
  /// nothing fills an empty one, and D-Bus makes what is missing.
  ///
  /// - Parameter isNew: the guest has not run before, and gets the file where it is missing.
  static func resetMachineID(of guest: some GuestFiles, isNew: Bool = false) throws(Failure) {
    let (path, copy): (ByteString, ByteString) = ("/etc/machine-id", "/var/lib/dbus/machine-id")
    let isThere = try guest.kind(path) != nil
    var hasOpenRC = false
    for program in openRC where !hasOpenRC { hasOpenRC = try guest.kind(program) != nil }
    guard isNew || !hasOpenRC else {
      for path in [path, copy] {
        if let kind = try guest.kind(path), kind != .directory { try guest.remove(path) }
      }
      return
    }
    if isThere || isNew { try guest.place(path, "") }
    // D-Bus of old has a copy of its own.
    if try guest.kind(copy) != nil { try guest.link(copy, to: path) }
  }

  private static let openRC: [ByteString] = ["/sbin/openrc", "/usr/sbin/openrc"]

  package enum SSHHostKeys: Sendable {
    /// The guest makes others when it boots.
    case renewed
    /// Nothing would make others: without keys the guest would be out of reach.
    case kept
    case missing
  }

  /// Removes the ssh host keys and has the next boot make others.
  @discardableResult
  static func resetSSHHostKeys(
    _ row: IdentityRow = IdentityTable.sshHostKeys, of guest: some GuestFiles
  ) throws(Failure) -> SSHHostKeys {
    var keys: [ByteString] = []
    for place in row.places { keys += try place.find(in: guest).paths }
    let (hasSystemd, program) = (try guest.hasSystemd(), try guest.kind("/usr/bin/ssh-keygen"))
    let (hasUnit, isMaking) = (hasSystemd && program != nil, try makesSSHHostKeys(guest))
    guard hasUnit || isMaking else { return keys.isEmpty ? .missing : .kept }
    for path in keys { try guest.remove(path) }
    if hasUnit, !isMaking {
      try guest.place(unitPath, unit)
      try guest.link("/etc/systemd/system/multi-user.target.wants/\(unitName)", to: unitPath)
    }
    return .renewed
  }

  /// What makes them at the start of sshd: of Red Hat's and Fedora, of openSUSE, and of Arch.
  private static let makers: [ByteString] = [
    "/usr/lib/systemd/system/sshd-keygen@.service", "/usr/sbin/sshd-gen-keys-start",
    "/usr/libexec/openssh/sshd-gen-keys-start", "/usr/lib/systemd/system/sshdgenkeys.service",
  ]
  /// Alpine's script of OpenRC.
  private static let script: ByteString = "/etc/init.d/sshd"

  /// Whether the guest makes keys that are missing by itself. One with cloud-init may leave that to it, which does so for a
  /// new machine only.
  private static func makesSSHHostKeys(_ guest: some GuestFiles) throws(Failure) -> Bool {
    guard try guest.hasSystemd() else {
      return try guest.readLeniently(script).map { String(decoding: $0, as: UTF8.self) }?.contains("ssh-keygen -A")
        == true
    }
    guard try guest.kind(Seed.program) == nil else { return false }
    for path in makers where try guest.kind(path) != nil { return true }
    return false
  }
}
