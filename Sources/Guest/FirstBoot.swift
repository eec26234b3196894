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

  /// Files of one boot, one machine or one lease.
  private static let transient: [ByteString] = [
    "/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/var/lib/systemd/credential.secret",
  ]

  /// Empties the machine-id, so that the first boot makes one. The file stays: were it missing (or said
  /// `uninitialized`), systemd would take the boot for the very first one and reset which units are enabled.
  static func resetMachineID(of guest: some GuestFiles) throws(Failure) {
    try guest.place("/etc/machine-id", "")
    // D-Bus of old has a copy of its own.
    if try guest.kind("/var/lib/dbus/machine-id") != nil {
      try guest.link("/var/lib/dbus/machine-id", to: "/etc/machine-id")
    }
    for path in transient { try guest.remove(path) }
  }

  /// Removes the ssh host keys and has the next boot make others.
  ///
  /// Keys stay where nothing would make new ones: a guest without systemd would be out of reach. Returns whether
  /// they were reset.
  @discardableResult
  static func resetSSHHostKeys(of guest: some GuestFiles) throws(Failure) -> Bool {
    guard try guest.hasSystemd(), try guest.kind("/usr/bin/ssh-keygen") != nil else { return false }
    for name in try guest.list("/etc/ssh") where name.hasPrefix("ssh_host_") && isKey(name) {
      try guest.remove("/etc/ssh/\(name)")
    }
    try guest.place(unitPath, unit)
    try guest.link("/etc/systemd/system/multi-user.target.wants/\(unitName)", to: unitPath)
    return true
  }

  private static func isKey(_ name: ByteString) -> Bool {
    let ends: [ByteString] = ["_key", "_key.pub", "_key-cert.pub"]
    return ends.contains { name.hasSuffix($0) }
  }
}
