// SPDX-License-Identifier: Apache-2.0
import Report

/// A login on the serial consoles that hosts offer: `ttyS0` of KVM and of fully virtualised Xen, `hvc0` of Xen and of
/// virtio.
///
/// systemd starts a login on the consoles that the kernel was told to use, but a host may attach one that it does not
/// name on the kernel's command line. Enabling `serial-getty@` for both would make every boot wait 90 s for the one that
/// does not exist. The device itself asks for its login instead, when udev sees it: no device, no wait, no failed unit.
enum Console {
  static let path: ByteString = "/etc/udev/rules.d/70-guestsmith-console.rules"

  /// The kernel shows ports without hardware behind them too: their type is 0 (PORT_UNKNOWN).
  static let rules = """
    # Written by guestsmith: a login on the serial consoles that are there.
    ACTION=="remove", GOTO="guestsmith_console_end"
    SUBSYSTEM=="tty", KERNEL=="hvc0", TAG+="systemd", ENV{SYSTEMD_WANTS}+="serial-getty@hvc0.service"
    SUBSYSTEM=="tty", KERNEL=="ttyS0", ATTR{type}!="0", TAG+="systemd", ENV{SYSTEMD_WANTS}+="serial-getty@ttyS0.service"
    LABEL="guestsmith_console_end"

    """

  static let issuePath: ByteString = "/etc/issue.d/60-guestsmith.issue"

  /// What a login shows before it asks: whoever sees the console of a guest that uses DHCP knows where to reach it by ssh. agetty(8)
  /// reads it behind `/etc/issue`, and shows it anew when an address comes.
  static let issue = "Address: \\4 \\6\n\n"

  static func apply(to guest: some GuestFiles) throws(Failure) {
    try guest.place(path, rules)
    try guest.place(issuePath, issue)
  }
}
