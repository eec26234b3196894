// SPDX-License-Identifier: Apache-2.0
import Report

/// The accounts that may log in: root, by a password or by ssh keys, and a person who may become root.
package struct Accounts: Sendable, Equatable {
  /// As crypt(3) makes it; nothing locks the password. Secret: never in a message.
  package var rootPasswordHash: String?
  /// Lines of `authorized_keys`: of the user, or where there is none of root.
  package var sshKeys: [String]
  package var user: UserAccount?
  /// Whether the keys let root in besides the user.
  package var rootHasKeys = false

  package init(rootPasswordHash: String? = nil, sshKeys: [String] = []) {
    self.rootPasswordHash = rootPasswordHash
    self.sshKeys = sshKeys
  }

  /// Those of root.
  var rootKeys: [String] { user == nil || rootHasKeys ? sshKeys : [] }

  /// Returns what the user lacks.
  func apply(to guest: some GuestFiles) throws(Failure) -> [String] {
    guard let shadow = try guest.read("/etc/shadow"),
      let changed = Self.settingPassword(of: "root", in: shadow, to: rootPasswordHash ?? "*")
    else {
      throw Failure(
        .guest, "the guest's /etc/shadow has no line for root", remedy: "install a system that has the package passwd")
    }
    try guest.write("/etc/shadow", changed, mode: 0o640)
    return try placeKeys(in: guest) + (try user?.apply(to: guest, sshKeys: sshKeys) ?? [])
  }

  /// Gives a guest that has its own accounts what is set, and takes root's password where none is; returns what of it does not reach
  /// the guest.
  func add(to guest: some GuestFiles) throws(Failure) -> [String] {
    var notes = try placeKeys(in: guest)
    if let rootPasswordHash {
      if let shadow = try guest.read("/etc/shadow"),
        let changed = Self.settingPassword(of: "root", in: shadow, to: rootPasswordHash)
      {
        try guest.write("/etc/shadow", changed, mode: 0o640)
      } else {
        notes.append("root_password_hash is not used: the guest's /etc/shadow lacks a line for root")
      }
    } else if let shadow = try guest.read("/etc/shadow"),
      let changed = Self.lockingPassword(of: "root", in: shadow)
    {
      try guest.write("/etc/shadow", changed, mode: 0o640)
      notes.append("the password that the image has of root is not accepted: root_password_hash is not set")
    }
    do throws(Failure) {
      notes += try user?.apply(to: guest, sshKeys: sshKeys) ?? []
    } catch {
      guard error.code == .guest else { throw error }
      notes.append(error.message)
    }
    return notes
  }

  private func placeKeys(in guest: some GuestFiles) throws(Failure) -> [String] {
    let passwd = AccountTable(try guest.readLeniently("/etc/passwd") ?? [])
    let root = passwd.login("root").map { Login(name: "root", uid: 0, gid: 0, home: $0.home) } ?? .root
    return [try AuthorizedKeys(of: root).replace(by: rootKeys, in: guest)].compactMap { $0 }
  }

  /// With `*` in the place of a password that could be entered; nil where the account lacks one.
  static func lockingPassword(of name: String, in shadow: [UInt8]) -> [UInt8]? {
    let head = Array("\(name):".utf8)
    guard let line = TextLines(shadow).lines.first(where: { $0.starts(with: head) }),
      let first = line.dropFirst(head.count).first, first != UInt8(ascii: "*"), first != UInt8(ascii: "!")
    else { return nil }
    return settingPassword(of: name, in: shadow, to: "*")
  }

  /// `*` as the password matches none, and leaves a login by ssh key alone (`!` would not, for some ssh servers).
  static func settingPassword(of name: String, in shadow: [UInt8], to password: String) -> [UInt8]? {
    var text = TextLines(shadow)
    let head = Array("\(name):".utf8)
    guard let index = text.lines.firstIndex(where: { $0.starts(with: head) }) else { return nil }
    let line = text.lines[index]
    guard let end = line[head.count...].firstIndex(of: UInt8(ascii: ":")) else { return nil }
    text.lines[index].replaceSubrange(head.count..<end, with: password.utf8)
    return text.bytes
  }
}
