// SPDX-License-Identifier: Apache-2.0
import Report

/// An account as ssh and its files need to know it.
struct Login: Sendable, Equatable {
  let name: String
  let uid: UInt32
  let gid: UInt32
  let home: ByteString

  static let root = Login(name: "root", uid: 0, gid: 0, home: "/root")

  /// Makes the folders above a path in its home that are not there, as its own.
  ///
  /// - Parameter mode: of the folders that are made.
  func own(foldersAbove inside: ByteString, mode: UInt16 = 0o755, in guest: some GuestFiles) throws(Failure) {
    if try guest.kind(home) == nil {
      try guest.makeDirectory(home)
      try guest.setOwnerAndMode(home, uid: uid, gid: gid, mode: 0o700)
    }
    var folder = home
    for part in inside.split(separator: "/").dropLast() {
      folder = "\(folder)/\(part)"
      guard try guest.kind(folder) == nil else { continue }
      try guest.makeDirectory(folder)
      try guest.setOwnerAndMode(folder, uid: uid, gid: gid, mode: mode)
    }
  }
}

/// The lines of passwd(5) or group(5), which both have a name, a password and a number first.
struct AccountTable {
  /// What useradd(8) gives to people, by the defaults of login.defs(5).
  static let (first, last): (UInt32, UInt32) = (1000, 60_000)

  private let lines: [[String]]

  init(_ bytes: [UInt8]) {
    lines = TextLines(bytes).lines.map { line in
      String(decoding: line.filter { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
        .split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    }.filter { $0.count >= 3 }
  }

  func id(of name: String) -> UInt32? { lines.first { $0[0] == name }.flatMap { UInt32($0[2]) } }

  /// Those that a login is in.
  func groups(of login: Login) -> [String] {
    lines.filter { line in
      UInt32(line[2]) == login.gid
        || line.count >= 4 && line[3].split(separator: ",").contains { $0 == login.name }
    }.map { $0[0] }
  }

  func login(_ name: String) -> Login? {
    guard let line = lines.first(where: { $0[0] == name }), line.count >= 6, let uid = UInt32(line[2]),
      let gid = UInt32(line[3]), line[5].hasPrefix("/"), !line[5].split(separator: "/").contains("..")
    else { return nil }
    var home = line[5]
    while home.count > 1, home.hasSuffix("/") { home.removeLast() }
    return Login(name: name, uid: uid, gid: gid, home: ByteString(home))
  }

  /// The first number that is free, in another table too where there is one; nil where none is.
  func freeID(besides other: AccountTable?) -> UInt32? {
    let taken = Set((lines + (other?.lines ?? [])).compactMap { UInt32($0[2]) })
    return (Self.first...Self.last).first { !taken.contains($0) }
  }

  /// With a name more in the last field of a group's line, in group(5) or gshadow(5).
  static func adding(_ name: String, toMembersOf group: String, in bytes: [UInt8]) -> [UInt8] {
    var text = TextLines(bytes)
    guard let index = text.lines.firstIndex(where: { $0.starts(with: "\(group):".utf8) }) else { return bytes }
    let line = text.lines[index]
    let end = line.lastIndex { $0 != 0x0A && $0 != 0x0D }.map { $0 + 1 } ?? 0
    guard let colon = line[..<end].lastIndex(of: UInt8(ascii: ":")) else { return bytes }
    let members = line[(colon + 1)..<end].split(separator: UInt8(ascii: ","))
    guard !members.contains(where: { $0.elementsEqual(name.utf8) }) else { return bytes }
    text.lines[index].insert(contentsOf: Array("\(members.isEmpty ? "" : ",")\(name)".utf8), at: end)
    return text.bytes
  }
}
