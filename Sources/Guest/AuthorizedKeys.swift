// SPDX-License-Identifier: Apache-2.0
import Report

/// The file with the ssh keys of an account, where the guest's sshd looks for it.
struct AuthorizedKeys {
  private let login: Login

  init(of login: Login) { self.login = login }

  /// Adds the lines that are not there; returns why not every login finds them.
  func add(_ keys: [String], to guest: some GuestFiles) throws(Failure) -> String? {
    try put(keys, in: guest) { found in
      var text = TextLines(found)
      let known = Set(text.lines.map { String(decoding: $0.filter { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self) })
      for key in keys where !known.contains(key) { text.append(key) }
      return text.bytes
    }
  }

  /// Replaces what is there.
  func replace(by keys: [String], in guest: some GuestFiles) throws(Failure) -> String? {
    try put(keys, in: guest) { _ in Array(keys.map { $0 + "\n" }.joined().utf8) }
  }

  private func put(
    _ keys: [String], in guest: some GuestFiles, _ change: ([UInt8]) -> [UInt8]
  ) throws(Failure) -> String? {
    guard !keys.isEmpty else { return nil }
    let daemon = try SSHDaemon(of: login, in: guest)
    guard let path = daemon.keyFiles.lazy.compactMap({ expand($0) }).first else {
      return
        "ssh_keys do not reach \(login.name): the guest's sshd is configured to read no file of it (AuthorizedKeysFile)"
    }
    let isInHome = path.hasPrefix(login.home + "/")
    if isInHome {
      let inside = ByteString(path.bytes.dropFirst(login.home.bytes.count))
      try login.own(foldersAbove: inside, mode: 0o700, in: guest)
    }
    if try guest.kind(path) == .symbolicLink { try guest.remove(path) }
    try guest.write(path, change(try guest.read(path) ?? []), mode: 0o600)
    // One outside of the home is read as the user, who must not change it.
    if isInHome {
      try guest.setOwnerAndMode(path, uid: login.uid, gid: login.gid, mode: 0o600)
    } else {
      try guest.setOwnerAndMode(path, uid: 0, gid: 0, mode: 0o644)
    }
    guard daemon.hasOtherKeyFiles else { return nil }
    return
      "ssh_keys of \(login.name) are in \(path): a Match in the configuration of the guest's sshd names another file for some of its logins"
  }

  /// A pattern of AuthorizedKeysFile as a path; nil for what is not known, or not a file.
  private func expand(_ pattern: String) -> ByteString? {
    var (path, rest) = (ByteString(""), pattern[...])
    while let character = rest.popFirst() {
      guard character == "%" else {
        path = path + ByteString(String(character))
        continue
      }
      switch rest.popFirst() {
      case "%": path = path + "%"
      case "h": path = path + login.home
      case "u": path = path + ByteString(login.name)
      case "U": path = path + ByteString(String(login.uid))
      default: return nil
      }
    }
    if !path.hasPrefix("/") { path = "\(login.home)/\(path)" }
    let parts = path.split(separator: "/")
    guard !path.hasPrefix("/dev/"), !path.hasSuffix("/"), !parts.contains("..") else { return nil }
    return path
  }
}
