// SPDX-License-Identifier: Apache-2.0
internal import Digest
package import Report

/// Which files of a guest of an image were filled in with its name, and what is in them: a rename changes those that are still as
/// they were made. Its lines are those that sha256sum(1) writes, so that a script in the guest reads them too.
///
/// It is inside the guest, and may say anything: what is not a plain line counts for nothing.
package struct TemplateRecord: Sendable, Equatable {
  package static let path: ByteString = "/var/lib/guestsmith/templates"
  /// Of entries; and in bytes, of what is read.
  package static let (most, largest) = (64, 64 << 10)

  package struct Entry: Sendable, Equatable {
    package let path: ByteString
    /// SHA-256, in hexadecimal.
    package let digest: String

    package init(_ path: ByteString, digest: String) {
      self.path = path
      self.digest = digest
    }

    package init(_ path: ByteString, holding bytes: [UInt8]) {
      self.init(path, digest: SHA256.hex(of: bytes))
    }
  }

  package private(set) var entries: [Entry]

  package init(_ entries: [Entry]) { self.entries = entries }

  package init(parsing bytes: [UInt8]) {
    entries = []
    guard bytes.count <= Self.largest else { return }
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let digest = String(decoding: line.prefix(64), as: UTF8.self)
      let path = ByteString(line.dropFirst(66))
      guard digest.utf8.count == 64, digest.allSatisfy({ $0.isHexDigit }), line.dropFirst(64).starts(with: "  ".utf8),
        Self.isListable(path), entries.count < Self.most
      else { continue }
      entries.append(Entry(path, digest: digest.lowercased()))
    }
  }

  /// Whether a path can be in it: a plain absolute one, without blanks.
  package static func isListable(_ path: ByteString) -> Bool {
    path.hasPrefix("/") && path.bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F }
      && path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        .allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }

  package func render() -> [UInt8] { entries.flatMap { Array("\($0.digest)  ".utf8) + $0.path.bytes + [0x0A] } }

  /// Writes it into a guest, or takes away that of another guest.
  package func place(in guest: some GuestFiles) throws(Failure) {
    guard !entries.isEmpty else { return try guest.remove(Self.path) }
    try guest.place(Self.path, render(), mode: 0o600)
  }

  /// What those files say under another name, of those that are as they were made. The record is written before them: one that has
  /// the new content already, after a change that was cut off, is one of them too.
  mutating func rename(
    from old: GuestName, to new: GuestName, in guest: some GuestFiles, but others: Set<ByteString>
  ) throws(Failure) -> [(path: ByteString, found: [UInt8], changed: [UInt8])] {
    var changes: [(path: ByteString, found: [UInt8], changed: [UInt8])] = []
    for (index, entry) in entries.enumerated() where !others.contains(entry.path) {
      guard try guest.kind(entry.path) == .file, let found = try guest.readLeniently(entry.path) else { continue }
      let changed = found.renamed(from: old, to: new)
      let digest = SHA256.hex(of: changed)
      guard digest == entry.digest || SHA256.hex(of: found) == entry.digest else { continue }
      entries[index] = Entry(entry.path, digest: digest)
      changes.append((entry.path, found, changed))
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
