// SPDX-License-Identifier: Apache-2.0
internal import Filesystems

/// The Debian packages that a guest needs for what is configured in it here.
package enum GuestPackages {
  /// The packages of a release, by its code name, beside those that every system of it has (priority `required`).
  ///
  /// The kernel is not one of them: it is configured.
  ///
  /// - Parameter named: the packages that the administrator asks for by name, and gets besides.
  package static func needed(suite: String, named: [String] = []) -> [String] {
    [
      // Boots, finds its devices, checks and grows its root filesystem, has time zones.
      "systemd-sysv", "udev", "tzdata",
      // systemd-resolved tells the names of the network by D-Bus.
      "dbus", "iproute2", "openssh-server",
    ] + FilesystemKind.ext4.packages + (resolverIsPartOfSystemd.contains(suite) ? [] : ["systemd-resolved"])
      + timeService(suite: suite, named: named)
  }

  /// What keeps the guest's clock: systemd-timesyncd, unless another one is named. Each of them conflicts with all others (it
  /// provides and conflicts with `time-daemon`), so that apt would install none.
  private static func timeService(suite: String, named: [String]) -> [String] {
    let isNamed = named.contains { package in timeServices.contains(String(package.prefix { $0 != ":" })) }
    return isNamed || timesyncIsPartOfSystemd.contains(suite) ? [] : [timeServices[0]]
  }

  /// The packages that provide `time-daemon`, in one release or another; the first is the default.
  private static let timeServices = ["systemd-timesyncd", "chrony", "ntpsec", "openntpd", "ntp"]

  /// Releases before systemd-timesyncd was a package of its own.
  private static let timesyncIsPartOfSystemd: Set = ["stretch", "buster", "bionic"]

  /// Releases before systemd-resolved was a package of its own.
  private static let resolverIsPartOfSystemd: Set = ["stretch", "buster", "bullseye", "bionic", "focal", "jammy"]
}
