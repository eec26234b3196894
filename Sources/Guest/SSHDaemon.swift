// SPDX-License-Identifier: Apache-2.0
import Report

/// What a guest's sshd is configured to do for a login (sshd_config(5)).
struct SSHDaemon {
  private let login: Login
  private let groups: [String]
  /// The first of AuthorizedKeysFile that is for all logins, and the first in a block that is for this one.
  private var ofAll: [String]?
  private var ofLogin: [String]?
  /// Whether a block names other files under a condition that only a login can meet, such as the address of its client.
  private(set) var hasOtherKeyFiles = false
  /// Where HostKey has the daemon's own keys.
  private(set) var hostKeys: [ByteString] = []

  private static let standard = [".ssh/authorized_keys"]
  private static let folder = "/etc/ssh"
  /// openSUSE has its own below /usr.
  private static let files: [ByteString] = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"]
  private static let deepest = 8

  init(of login: Login, in guest: some GuestFiles) throws(Failure) {
    self.login = login
    groups = AccountTable(try guest.readLeniently("/etc/group") ?? []).groups(of: login)
    for path in Self.files where try guest.kind(path) != nil {
      try read(path, in: guest, depth: 0, .always)
      return
    }
  }

  /// The patterns of AuthorizedKeysFile, without `none`. A block that is for the login overrides what is for all.
  var keyFiles: [String] { (ofLogin ?? ofAll ?? Self.standard).filter { $0.lowercased() != "none" } }

  /// Whether the lines of a block hold.
  private enum Condition {
    case always, met, unknown, unmet
  }

  private mutating func read(
    _ path: ByteString, in guest: some GuestFiles, depth: Int, _ outer: Condition
  ) throws(Failure) {
    var condition = outer
    for line in TextLines(try guest.readLeniently(path) ?? []).lines {
      let words = Self.words(of: line)
      let values = Array(words.dropFirst())
      switch words.first?.lowercased() {
      case "match":
        let own = outer == .unmet ? outer : self.condition(values)
        condition = outer == .unknown && own == .met ? .unknown : own
      case "authorizedkeysfile":
        switch condition {
        case .always: ofAll = ofAll ?? values
        case .met: ofLogin = ofLogin ?? values
        case .unknown: if ofLogin == nil { hasOtherKeyFiles = true }
        case .unmet: break
        }
      case "hostkey": hostKeys += values.map { ByteString($0) }
      case "include" where depth < Self.deepest:
        for place in values {
          let pattern = GuestPattern(stringLiteral: place.hasPrefix("/") ? place : "\(Self.folder)/\(place)")
          for file in try pattern.find(in: guest).paths { try read(file, in: guest, depth: depth + 1, condition) }
        }
      default: break
      }
    }
  }

  /// Of the words behind `Match`, all of which have to hold.
  private func condition(_ words: [String]) -> Condition {
    var (rest, result) = (words[...], Condition.met)
    while let criterion = rest.popFirst()?.lowercased() {
      if criterion == "all" { continue }
      guard let value = rest.popFirst() else { return .unknown }
      switch criterion {
      case "user": if !Self.isAny(of: [login.name], in: value) { return .unmet }
      case "group": if !Self.isAny(of: groups, in: value) { return .unmet }
      default: result = .unknown
      }
    }
    return result
  }

  /// Whether a list of patterns has any of the names: a pattern that begins with `!` excludes all of them (PATTERNS in ssh_config(5)).
  private static func isAny(of names: [String], in list: String) -> Bool {
    let patterns = list.split(separator: ",")
    func isThere(_ pattern: Substring) -> Bool { names.contains { matches($0[...], pattern) } }
    return patterns.contains { !$0.hasPrefix("!") && isThere($0) }
      && !patterns.contains { $0.hasPrefix("!") && isThere($0.dropFirst()) }
  }

  private static func matches(_ name: Substring, _ pattern: Substring) -> Bool {
    // Where the last `*` was, and what of the name is behind what it stands for.
    var (name, pattern) = (name, pattern)
    var retry: (pattern: Substring, name: Substring)?
    while let first = name.first {
      if pattern.first == "*" {
        pattern = pattern.dropFirst()
        retry = (pattern, name)
      } else if let wanted = pattern.first, wanted == "?" || wanted == first {
        (name, pattern) = (name.dropFirst(), pattern.dropFirst())
      } else if let last = retry {
        (name, pattern) = (last.name.dropFirst(), last.pattern)
        retry = (last.pattern, name)
      } else {
        return false
      }
    }
    return pattern.allSatisfy { $0 == "*" }
  }

  /// Separated by blanks, the first two also by an equals sign; a comment ends them.
  private static func words(of line: [UInt8]) -> [String] {
    TextLines.fields(of: line).map(\.text).flatMap { word in
      word.split(separator: "=").map { $0.filter { $0 != "\"" } }
    }
  }
}
