// SPDX-License-Identifier: Apache-2.0
import Report

/// The cloud-init of a guest that has its name by its own files: it leaves alone what they say.
enum CloudInit {
  static let path: ByteString = "/etc/cloud/cloud.cfg.d/99-guestsmith.cfg"

  private static let head =
    "# Written by guestsmith: what the guest's own files say counts. A file that comes later in order may say otherwise.\n"

  /// Has it keep the host name.
  static func keepName(of guest: some GuestFiles) throws(Failure) {
    guard try guest.kind(Seed.program) != nil else { return }
    try guest.place(path, "\(head)preserve_hostname: true\n")
  }
}
