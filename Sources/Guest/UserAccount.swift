// SPDX-License-Identifier: Apache-2.0
import Report

/// The account of a person in a guest, who may become root by sudo.
package struct UserAccount: Sendable, Equatable {
  package var name: String
  /// As crypt(3) makes it; nil accepts no password. Secret: never in a message.
  package var passwordHash: String?

  package init(name: String, passwordHash: String? = nil) {
    self.name = name
    self.passwordHash = passwordHash
  }

  static let sudoers: ByteString = "/etc/sudoers.d/90-guestsmith"
  private static let (passwd, shadow): (ByteString, ByteString) = ("/etc/passwd", "/etc/shadow")
  private static let (group, gshadow): (ByteString, ByteString) = ("/etc/group", "/etc/gshadow")
  /// The groups that a distribution has for this.
  private static let groups = ["sudo", "wheel"]

  /// Makes the account as useradd(8) does, or takes the one of that name that is there, and lets it become root.
  ///
  /// - Parameter sshKeys: lines of its authorized_keys.
  /// - Returns: what it lacks, and why.
  /// - Throws: a failure of the guest where it can't have that account.
  func apply(to guest: some GuestFiles, sshKeys: [String]) throws(Failure) -> [String] {
    guard let accounts = try guest.read(Self.passwd) else {
      throw Failure(.guest, "user = \(name) can't be made: the guest lacks \(Self.passwd)")
    }
    let table = AccountTable(accounts)
    var notes: [String] = []
    let login: Login
    if let found = table.login(name) {
      guard found.uid >= AccountTable.first, found.uid <= AccountTable.last else {
        throw Failure(
          .guest, "user = \(name) is an account of the guest's system, with the uid \(found.uid)",
          remedy: "set user to a name that the guest does not have, or to that of a person")
      }
      login = found
      if let note = try setPassword(in: guest) { notes.append(note) }
    } else if table.id(of: name) == nil {
      login = try make(in: guest, table, &notes)
    } else {
      throw Failure(.guest, "user = \(name) can't log in: its line in the guest's \(Self.passwd) names no home")
    }
    try joinGroup(in: guest)
    let mounts = Fstab.Mounts(try guest.readLeniently(Fstab.path) ?? []).filesystems.map(\.mountPoint)
    if let mount = mounts.first(where: { $0 != "/" && (login.home == $0 || login.home.hasPrefix("\($0)/")) }
    ) {
      notes.append(
        "the home of \(name) and its keys are on the root filesystem, below what the guest mounts on \(mount)")
    }
    if try guest.kind("/usr/bin/sudo") != nil {
      try guest.place(Self.sudoers, "\(name) ALL=(ALL:ALL) NOPASSWD: ALL\n", mode: 0o440)
    } else {
      notes.append("\(name) can't become root: the guest lacks sudo")
    }
    if let note = try AuthorizedKeys(of: login).add(sshKeys, to: guest) { notes.append(note) }
    return notes
  }

  // MARK: A new account

  private func make(
    in guest: some GuestFiles, _ table: AccountTable, _ notes: inout [String]
  ) throws(Failure) -> Login {
    let groups = AccountTable(try guest.read(Self.group) ?? [])
    let ownGroup = groups.id(of: name)
    guard let uid = table.freeID(besides: ownGroup == nil ? groups : nil) else {
      throw Failure(
        .guest,
        "user = \(name) can't be made: the guest's uids from \(AccountTable.first) to \(AccountTable.last) are all taken"
      )
    }
    let hasBash = try guest.kind("/bin/bash") != nil
    let login = Login(name: name, uid: uid, gid: ownGroup ?? uid, home: "/home/\(name)")
    if ownGroup == nil {
      try append("\(name):x:\(login.gid):", to: Self.group, of: guest)
      if try guest.kind(Self.gshadow) != nil { try append("\(name):!::", to: Self.gshadow, of: guest) }
    }
    try append(
      "\(name):x:\(login.uid):\(login.gid)::\(login.home):\(hasBash ? "/bin/bash" : "/bin/sh")", to: Self.passwd,
      of: guest)
    // Without the day of its last change the password does not age. Nothing matches `*`, and it locks no ssh key out.
    let line = "\(name):\(passwordHash ?? "*")::0:99999:7:::"
    if try guest.kind(Self.shadow) != nil { try append(line, to: Self.shadow, of: guest) }
    if let note = try makeHome(of: login, in: guest) { notes.append(note) }
    return login
  }

  private func append(_ line: String, to path: ByteString, of guest: some GuestFiles) throws(Failure) {
    var text = TextLines(try guest.read(path) ?? [])
    text.append(line)
    try guest.write(path, text.bytes, mode: 0o644)
  }

  /// Of an account that is there. Whoever knows the password that the image gave it would be root by sudo.
  ///
  /// - Returns: what is to be told of that.
  private func setPassword(in guest: some GuestFiles) throws(Failure) -> String? {
    let found = try guest.read(Self.shadow)
    guard let passwordHash else {
      guard let found, let changed = Accounts.lockingPassword(of: name, in: found) else { return nil }
      try guest.write(Self.shadow, changed, mode: 0o640)
      return "the password that the image has of \(name) is not accepted: user_password_hash is not set"
    }
    guard let shadow = found, let changed = Accounts.settingPassword(of: name, in: shadow, to: passwordHash) else {
      throw Failure(.guest, "user_password_hash is not used: the guest's \(Self.shadow) lacks a line for \(name)")
    }
    try guest.write(Self.shadow, changed, mode: 0o640)
    return nil
  }

  private static let skeleton: ByteString = "/etc/skel"
  private static let mostFiles = 200

  /// Returns what is to be told of a folder that was there: sshd reads keys in a home of their owner, or of root, alone.
  private func makeHome(of login: Login, in guest: some GuestFiles) throws(Failure) -> String? {
    if let kind = try guest.kind(login.home) {
      guard kind == .directory else { return "\(login.home) is not a folder: \(name) lacks a home" }
      try guest.setOwnerAndMode(login.home, uid: login.uid, gid: login.gid, mode: try homeMode(in: guest))
      return
        "\(login.home) was in the guest already: the folder belongs to \(name) now, and the files in it keep their owners"
    }
    try guest.makeDirectory(login.home)
    try guest.setOwnerAndMode(login.home, uid: login.uid, gid: login.gid, mode: try homeMode(in: guest))
    let found = try GuestPattern(stringLiteral: "\(Self.skeleton)/**/*").find(in: guest)
    for path in found.paths.prefix(Self.mostFiles) where try guest.kind(path) == .file {
      guard let bytes = try guest.readLeniently(path) else { continue }
      let inside = ByteString(path.bytes.dropFirst(Self.skeleton.bytes.count))
      try login.own(foldersAbove: inside, in: guest)
      try guest.write(login.home + inside, bytes, mode: 0o644)
      try guest.setOwnerAndMode(login.home + inside, uid: login.uid, gid: login.gid, mode: 0o644)
    }
    return nil
  }

  /// HOME_MODE of login.defs(5).
  private func homeMode(in guest: some GuestFiles) throws(Failure) -> UInt16 {
    for line in TextLines(try guest.readLeniently("/etc/login.defs") ?? []).lines {
      let words = TextLines.fields(of: line).map(\.text)
      guard words.count == 2, words[0] == "HOME_MODE", let mode = UInt16(words[1], radix: 8), mode <= 0o777 else {
        continue
      }
      return mode & 0o755 | 0o700
    }
    return 0o700
  }

  // MARK: Becoming root

  private func joinGroup(in guest: some GuestFiles) throws(Failure) {
    let table = AccountTable(try guest.read(Self.group) ?? [])
    guard let group = Self.groups.first(where: { table.id(of: $0) != nil }) else { return }
    for path in [Self.group, Self.gshadow] {
      guard let found = try guest.read(path) else { continue }
      let changed = AccountTable.adding(name, toMembersOf: group, in: found)
      if changed != found { try guest.write(path, changed, mode: 0o640) }
    }
  }
}
