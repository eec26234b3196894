// SPDX-License-Identifier: Apache-2.0
internal import Report

/// SELinux in a guest: files that are written from outside have no label, and what it confines may not read them.
enum SELinux {
  private static let configuration: ByteString = "/etc/selinux/config"
  /// With this file there, systemd has all files labelled at the next boot, and boots again (selinux-autorelabel(8)).
  private static let request: ByteString = "/.autorelabel"

  /// Has a guest with SELinux label its files when it boots.
  static func relabel(_ guest: some GuestFiles) throws(Failure) {
    guard let text = try guest.readLeniently(configuration) else { return }
    let isOn = TextLines(text).lines.contains { line in
      let words = String(decoding: line, as: UTF8.self).filter { !$0.isWhitespace }.lowercased()
      return ["selinux=enforcing", "selinux=permissive"].contains(words)
    }
    if isOn { try guest.place(request, "") }
  }
}
