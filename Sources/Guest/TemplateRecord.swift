// SPDX-License-Identifier: Apache-2.0
internal import Digest
package import Report

/// Which files of a guest were filled in with its name, what is in them, and where the name is: a rename changes those that are still as
/// they were made. A line is one of sha256sum(1), and behind the path come the places, each after a blank: in `120+15f` is the name in
/// full, in `140+3s` in short, in `150+11d` its domain.
///
/// A line without places, as the script of a seed reads it, stands for each word that is the name, whatever put it there. What knows of
/// no places takes them for a part of the path, and finds no such file.
///
/// It is inside the guest, and may say anything: what is not a plain line counts for nothing.
package struct TemplateRecord: Sendable, Equatable {
  package static let path: ByteString = "/var/lib/guestsmith/templates"
  /// Of entries; and in bytes, of what is read.
  package static let (most, largest) = (64, 512 << 10)
  /// Of places in a file; one that has more is listed without.
  static let mostNames = 256

  package struct Entry: Sendable, Equatable {
    package let path: ByteString
    /// SHA-256, in hexadecimal.
    package let digest: String
    /// In the order in which they are in the file.
    package let names: [FilledName]

    /// Whether more than the domain of the name is in the file.
    package var hasWholeName: Bool { names.isEmpty || names.contains { $0.form != .domain } }

    /// Whether the domain of the guest's name is in the file.
    var hasDomain: Bool { names.contains { $0.form == .domain } }

    package init(_ path: ByteString, digest: String, names: [FilledName] = []) {
      self.path = path
      self.digest = digest
      self.names = names.count <= TemplateRecord.mostNames ? names : []
    }

    package init(_ path: ByteString, holding bytes: [UInt8], names: [FilledName] = []) {
      self.init(path, digest: SHA256.hex(of: bytes), names: names)
    }

    /// What the file says under another name, and what is recorded of it then; nil where it is not as it was made. The record is written
    /// before the files: one that is that of the new name already, after a change that was cut off, counts too.
    fileprivate func renamed(
      _ found: [UInt8], from old: GuestName, to new: GuestName
    ) -> (bytes: [UInt8], entry: Entry)? {
      let isAsMade = SHA256.hex(of: found) == digest
      guard let last = names.last else {
        let changed = found.renamed(from: old, to: new)
        let entry = Entry(path, holding: changed)
        return isAsMade || entry.digest == digest ? (changed, entry) : nil
      }
      if isAsMade {
        guard last.end <= found.count else { return nil }
        let changed = names.filling(new, into: found)
        return (changed, Entry(path, holding: changed, names: names.moved(to: new)))
      }
      let before = names.moved(to: old)
      guard before.have(old, in: found) else { return nil }
      let changed = before.filling(new, into: found)
      return SHA256.hex(of: changed) == digest ? (changed, self) : nil
    }
  }

  package private(set) var entries: [Entry]

  package init(_ entries: [Entry]) { self.entries = entries }

  package init(parsing bytes: [UInt8]) {
    entries = []
    guard bytes.count <= Self.largest else { return }
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let digest = String(decoding: line.prefix(64), as: UTF8.self)
      let words = ByteString(line.dropFirst(66)).split(separator: " ", omittingEmptySubsequences: false)
      let names = words.dropFirst().prefix(Self.mostNames).compactMap { FilledName(parsing: $0) }
      guard digest.utf8.count == 64, digest.allSatisfy({ $0.isHexDigit }), line.dropFirst(64).starts(with: "  ".utf8),
        let path = words.first, Self.isListable(path), names.count == words.count - 1, names.areInOrder,
        entries.count < Self.most
      else { continue }
      entries.append(Entry(path, digest: digest.lowercased(), names: names))
    }
  }

  /// Whether a path can be in it: a plain absolute one, without blanks.
  package static func isListable(_ path: ByteString) -> Bool {
    path.hasPrefix("/") && path.bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F }
      && path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        .allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }

  package func render() -> [UInt8] {
    var bytes: [UInt8] = []
    for entry in entries {
      bytes += "\(entry.digest)  ".utf8
      bytes += entry.path.bytes
      bytes += "\(entry.names.map { " \($0.text)" }.joined())\n".utf8
    }
    return bytes
  }

  /// Writes it into a guest, or takes away that of another guest.
  package func place(in guest: some GuestFiles) throws(Failure) {
    guard !entries.isEmpty else { return try guest.remove(Self.path) }
    try guest.place(Self.path, render(), mode: 0o600)
  }

  /// What those files say under another name, of those that are as they were made.
  mutating func rename(
    from old: GuestName, to new: GuestName, in guest: some GuestFiles, but others: Set<ByteString>
  ) throws(Failure) -> [(path: ByteString, found: [UInt8], changed: [UInt8])] {
    var changes: [(path: ByteString, found: [UInt8], changed: [UInt8])] = []
    for (index, entry) in entries.enumerated() where !others.contains(entry.path) {
      guard try guest.kind(entry.path) == .file, let found = try guest.readLeniently(entry.path),
        let renamed = entry.renamed(found, from: old, to: new)
      else { continue }
      entries[index] = renamed.entry
      changes.append((entry.path, found, renamed.bytes))
    }
    return changes
  }
}

extension [UInt8] {
  /// With the one name instead of the other, in full and in short.
  func renamed(from old: GuestName, to new: GuestName) -> [UInt8] {
    // The full name first: the short one is not found inside of it.
    replacingName(old.full, with: new.full).replacingName(old.short, with: new.short)
  }
}
