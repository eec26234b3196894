// SPDX-License-Identifier: Apache-2.0
package import Report

/// `/etc/guestsmith-release`: what was installed, by whom and from what, in lines of `KEY=value` that a shell can read.
///
/// It is inside the guest, so it says what the guest's administrator wants it to say: it is read with care, and only to
/// change files of that same guest.
package struct ReleaseFile: Sendable, Equatable {
  package static let path: ByteString = "/etc/guestsmith-release"

  /// Version of the program that installed the guest.
  package var version: String
  /// Full name of the instance, as the host calls it.
  package var instance: String
  /// When, as `2026-05-01T10:00:00Z`.
  package var installed: String
  /// Digest of the image, `sha256:…`.
  package var image: String
  /// Release of the system: `bookworm`.
  package var suite: String
  /// How the disk was wiped before: `discard`, `zero`, `none`.
  package var wipe: String
  package var rootUUID: String
  package var swapUUID: String?
  /// `dhcp`, or the static addresses with their prefixes, between commas; the first is that of the name.
  package var address: String
  /// Files into which the name of the instance was written, and which a rename changes.
  package var nameFiles: [ByteString]
  /// Keys of other versions; kept as they are.
  private var others: [ByteString] = []

  package init(version: String, installed: String, image: String, suite: String, wipe: String) {
    self.version = version
    self.installed = installed
    self.image = image
    self.suite = suite
    self.wipe = wipe
    instance = ""
    rootUUID = ""
    address = ""
    nameFiles = []
  }

  package func render() -> [UInt8] {
    let pairs: [(ByteString, ByteString)] = [
      ("GUESTSMITH_VERSION", "\(version)"), ("INSTANCE", "\(instance)"), ("INSTALLED", "\(installed)"),
      ("IMAGE", "\(image)"), ("SUITE", "\(suite)"), ("WIPE", "\(wipe)"), ("ROOT_UUID", "\(rootUUID)"),
      ("SWAP_UUID", "\(swapUUID ?? "")"), ("ADDRESS", "\(address)"), ("NAME_FILES", nameFiles.joined(separator: " ")),
    ]
    let head: ByteString = "# Written by guestsmith: what was installed here. Renaming the guest needs this file."
    let lines = [head] + pairs.map { "\($0.0)=\(Self.quoted($0.1))" } + others
    return lines.flatMap { $0.bytes + [UInt8(ascii: "\n")] }
  }

  /// Reads a file that may hold anything: lines that are not a pair are passed over, the last of a key counts.
  package init(parsing bytes: [UInt8]) {
    self.init(version: "", installed: "", image: "", suite: "", wipe: "")
    for line in TextLines(bytes).lines {
      let text = ByteString(line.filter { $0 != 0x0A && $0 != 0x0D && $0 != 0 })
      guard !text.hasPrefix("#"), let equals = text.bytes.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let bytes = Self.unquoted(text.bytes[(equals + 1)...])
      let value = String(decoding: bytes, as: UTF8.self)
      switch ByteString(text.bytes[..<equals]) {
      case "GUESTSMITH_VERSION": version = value
      case "INSTANCE": instance = value
      case "INSTALLED": installed = value
      case "IMAGE": image = value
      case "SUITE": suite = value
      case "WIPE": wipe = value
      case "ROOT_UUID": rootUUID = value
      case "SWAP_UUID": swapUUID = value.isEmpty ? nil : value
      case "ADDRESS": address = value
      case "NAME_FILES": nameFiles = ByteString(bytes).split(separator: " ")
      default: others.append(text)
      }
    }
  }

  /// The release file of a guest; nil where guestsmith did not install it, or where it can't be read.
  package static func read(from guest: some GuestFiles) throws(Failure) -> ReleaseFile? {
    try guest.readLeniently(path).map(ReleaseFile.init(parsing:))
  }

  /// The static addresses, without their prefixes.
  var fixedAddresses: [String] {
    address.split(separator: ",").compactMap { part in part.firstIndex(of: "/").map { String(part[..<$0]) } }
  }

  /// The files that a rename looks at, apart from those that every guest has. What no provider wrote is refused: a
  /// list that is too long, paths that are not plain absolute ones.
  func otherNameFiles() throws(Failure) -> [ByteString] {
    let known: Set = [Hostname.path, Hosts.path, Mailname.path, Self.path]
    let isPlain = nameFiles.allSatisfy { path in
      path.hasPrefix("/")
        && path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().allSatisfy {
          !$0.isEmpty && $0 != "." && $0 != ".."
        }
    }
    guard nameFiles.count <= 64, isPlain else {
      throw Failure(
        .guest, "NAME_FILES in the guest's \(Self.path) is not a list of up to 64 absolute paths",
        remedy: "correct that line in the guest")
    }
    var seen = known
    return nameFiles.filter { seen.insert($0).inserted }
  }

  /// As a shell wants it: in quotes where it is more than a plain word.
  private static func quoted(_ value: ByteString) -> ByteString {
    let isPlain = value.bytes.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "-._:/+@,".utf8.contains(byte)
    }
    if isPlain { return value }
    return "'\(value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#))'"
  }

  private static func unquoted(_ value: ArraySlice<UInt8>) -> [UInt8] {
    for quote in "'\"".utf8 where value.count >= 2 && value.first == quote && value.last == quote {
      return Array(
        value.dropFirst().dropLast().split(separator: Array(#"'\''"#.utf8), omittingEmptySubsequences: false)
          .joined(separator: "'".utf8))
    }
    return Array(value)
  }
}
