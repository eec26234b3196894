// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Files of a guest by their path: `*` in a name stands for any characters, and `**` for folders to any depth.
///
/// Only what is written out leads through links. What a wildcard found has to be there itself, so that no link brings files
/// in that are not meant.
package struct GuestPattern: Sendable, Equatable, ExpressibleByStringLiteral, CustomStringConvertible {
  package let description: String
  private let parts: [ByteString]

  /// How many names are looked at for one pattern, and how many folders deep: a guest may have any number.
  static let (most, deepest) = (20_000, 32)

  package init(stringLiteral text: String) {
    description = text
    parts = ByteString(text).split(separator: "/")
  }

  struct Found {
    /// Files and links, in the order of their names in each folder.
    var paths: [ByteString] = []
    /// Whether there is more than is looked at.
    var isCut = false
    fileprivate var left = GuestPattern.most
  }

  func find(in guest: some GuestFiles) throws(Failure) -> Found {
    var found = Found()
    try find(parts[...], below: "", depth: 0, in: guest, &found)
    return found
  }

  private func find(
    _ rest: ArraySlice<ByteString>, below folder: ByteString, depth: Int, in guest: some GuestFiles,
    _ found: inout Found
  ) throws(Failure) {
    guard let part = rest.first else { return }
    let behind = rest.dropFirst()
    guard part != "**" else {
      guard try guest.kind(folder) == .directory else { return }
      try find(behind, below: folder, depth: depth, in: guest, &found)
      for name in try names(in: folder, of: guest, &found) where try guest.kind("\(folder)/\(name)") == .directory {
        guard depth < Self.deepest else {
          found.isCut = true
          return
        }
        try find(rest, below: "\(folder)/\(name)", depth: depth + 1, in: guest, &found)
      }
      return
    }
    guard part.contains("*") else { return try take("\(folder)/\(part)", behind, depth: depth, in: guest, &found) }
    for name in try names(in: folder, of: guest, &found) where Self.matches(name.bytes[...], part.bytes[...]) {
      let path: ByteString = "\(folder)/\(name)"
      if behind.isEmpty {
        try take(path, behind, depth: depth, in: guest, &found)
      } else if try guest.kind(path) == .directory {
        try find(behind, below: path, depth: depth, in: guest, &found)
      }
    }
  }

  private func take(
    _ path: ByteString, _ behind: ArraySlice<ByteString>, depth: Int, in guest: some GuestFiles, _ found: inout Found
  ) throws(Failure) {
    guard behind.isEmpty else { return try find(behind, below: path, depth: depth, in: guest, &found) }
    switch try guest.kind(path) {
    case .file, .symbolicLink: found.paths.append(path)
    default: break
    }
  }

  private func names(
    in folder: ByteString, of guest: some GuestFiles, _ found: inout Found
  ) throws(Failure) -> [ByteString] {
    let names = try guest.list(folder)
    if names.count > found.left { found.isCut = true }
    let taken = names.prefix(found.left)
    found.left -= taken.count
    return Array(taken)
  }

  private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    let pieces = pattern.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
    guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else { return name == pattern }
    guard name.count >= first.count + last.count, name.starts(with: first), name.suffix(last.count) == last else {
      return false
    }
    // Each piece at its first place leaves most for those behind it.
    var rest = name.dropFirst(first.count).dropLast(last.count)
    for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
      guard let place = rest.indices.first(where: { rest[$0...].starts(with: piece) }) else { return false }
      rest = rest[(place + piece.count)...]
    }
    return true
  }
}
