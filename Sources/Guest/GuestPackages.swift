// SPDX-License-Identifier: Apache-2.0
internal import Filesystems

/// The Debian packages that a guest needs for what is configured in it here.
package enum GuestPackages {
  /// The packages of a release, by its code name, beside those that every system of it has (priority `required`).
  ///
  /// The kernel is not one of them: it is configured.
  package static func needed(suite: String) -> [String] {
    [
      // Boots, finds its devices, checks and grows its root filesystem, has time zones.
      "systemd-sysv", "udev", "tzdata",
      // systemd-resolved tells the names of the network by D-Bus.
      "dbus", "iproute2", "openssh-server",
    ] + FilesystemKind.ext4.packages + (resolverIsPartOfSystemd.contains(suite) ? [] : ["systemd-resolved"])
  }

  /// Releases before systemd-resolved was a package of its own.
  private static let resolverIsPartOfSystemd: Set = ["stretch", "buster", "bullseye", "bionic", "focal", "jammy"]
}
