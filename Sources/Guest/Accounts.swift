// SPDX-License-Identifier: Apache-2.0
import Report

/// Who may log in: root, by a password or by ssh keys, or nobody.
package struct Accounts: Sendable, Equatable {
  /// As crypt(3) makes it; nothing locks the password. Secret: never in a message.
  package var rootPasswordHash: String?
  /// Lines of root's `authorized_keys`.
  package var sshKeys: [String]

  package init(rootPasswordHash: String? = nil, sshKeys: [String] = []) {
    self.rootPasswordHash = rootPasswordHash
    self.sshKeys = sshKeys
  }

  func apply(to guest: some GuestFiles) throws(Failure) {
    guard let shadow = try guest.read("/etc/shadow"),
      let changed = Self.settingRootPassword(in: shadow, to: rootPasswordHash ?? "*")
    else {
      throw Failure(
        .guest, "the guest's /etc/shadow has no line for root", remedy: "install a system that has the package passwd")
    }
    try guest.write("/etc/shadow", changed, mode: 0o640)
    try placeKeys(in: guest)
  }

  /// Gives a guest that has its own accounts what is set, and nothing else; returns why root gets no password.
  func add(to guest: some GuestFiles) throws(Failure) -> String? {
    try placeKeys(in: guest)
    guard let rootPasswordHash else { return nil }
    guard let shadow = try guest.read("/etc/shadow"),
      let changed = Self.settingRootPassword(in: shadow, to: rootPasswordHash)
    else { return "root_password_hash is not used: the guest's /etc/shadow lacks a line for root" }
    try guest.write("/etc/shadow", changed, mode: 0o640)
    return nil
  }

  private func placeKeys(in guest: some GuestFiles) throws(Failure) {
    guard !sshKeys.isEmpty else { return }
    try guest.place("/root/.ssh/authorized_keys", sshKeys.map { $0 + "\n" }.joined(), mode: 0o600)
    try guest.setOwnerAndMode("/root/.ssh", uid: 0, gid: 0, mode: 0o700)
  }

  /// `*` as the password matches none, and leaves a login by ssh key alone (`!` would not, for some ssh servers).
  static func settingRootPassword(in shadow: [UInt8], to password: String) -> [UInt8]? {
    var text = TextLines(shadow)
    guard let index = text.lines.firstIndex(where: { $0.starts(with: "root:".utf8) }) else { return nil }
    let line = text.lines[index]
    let start = 5
    guard let end = line[start...].firstIndex(of: UInt8(ascii: ":")) else { return nil }
    text.lines[index].replaceSubrange(start..<end, with: password.utf8)
    return text.bytes
  }
}
