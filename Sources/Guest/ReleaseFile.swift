// SPDX-License-Identifier: Apache-2.0
package import Report

/// `/etc/guestsmith-release`: what was installed, by whom and from what, in lines of `KEY=value` that a shell can read.
///
/// It is inside the guest, so it says what the guest's administrator wants it to say: it is read with care, and only to
/// change files of that same guest.
package struct ReleaseFile: Sendable, Equatable {
  package static let path = "/etc/guestsmith-release"

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
  /// `dhcp`, or the static address with its prefix.
  package var address: String
  /// Files into which the name of the instance was written, and which a rename changes.
  package var nameFiles: [String]
  /// Keys of other versions; kept as they are.
  private var others: [String] = []

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

  package func render() -> String {
    let pairs = [
      ("GUESTSMITH_VERSION", version), ("INSTANCE", instance), ("INSTALLED", installed), ("IMAGE", image),
      ("SUITE", suite), ("WIPE", wipe), ("ROOT_UUID", rootUUID), ("SWAP_UUID", swapUUID ?? ""), ("ADDRESS", address),
      ("NAME_FILES", nameFiles.joined(separator: " ")),
    ]
    let lines = pairs.map { "\($0.0)=\(Self.quoted($0.1))" }
    return (["# Written by guestsmith: what was installed here. Renaming the guest needs this file."] + lines + others)
      .joined(separator: "\n") + "\n"
  }

  /// Reads a file that may hold anything: lines that are no pair are passed over, the last of a key counts.
  package init(parsing bytes: [UInt8]) {
    self.init(version: "", installed: "", image: "", suite: "", wipe: "")
    for line in TextLines(bytes).lines {
      let text = String(decoding: line, as: UTF8.self).filter { !$0.isNewline && $0 != "\0" }
      guard !text.hasPrefix("#"), let equals = text.firstIndex(of: "=") else { continue }
      let value = Self.unquoted(text[text.index(after: equals)...])
      switch text[..<equals] {
      case "GUESTSMITH_VERSION": version = value
      case "INSTANCE": instance = value
      case "INSTALLED": installed = value
      case "IMAGE": image = value
      case "SUITE": suite = value
      case "WIPE": wipe = value
      case "ROOT_UUID": rootUUID = value
      case "SWAP_UUID": swapUUID = value.isEmpty ? nil : value
      case "ADDRESS": address = value
      case "NAME_FILES": nameFiles = value.split(separator: " ").map(String.init)
      default: others.append(text)
      }
    }
  }

  /// The release file of a guest; nothing where guestsmith did not install it.
  package static func read(from guest: some GuestFiles) throws(Failure) -> ReleaseFile? {
    try guest.read(path).map(ReleaseFile.init(parsing:))
  }

  /// The static address, without its prefix.
  var fixedAddress: String? {
    guard let slash = address.firstIndex(of: "/") else { return nil }
    return String(address[..<slash])
  }

  /// The files that a rename looks at, apart from those that every guest has. What no provider wrote is refused: a
  /// list that is too long, paths that are no plain absolute ones.
  func otherNameFiles() throws(Failure) -> [String] {
    let known: Set = [Hostname.path, Hosts.path, Mailname.path, Self.path]
    let isPlain = nameFiles.allSatisfy { path in
      path.hasPrefix("/")
        && path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
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
  private static func quoted(_ value: String) -> String {
    let isPlain = value.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "-._:/+@,".utf8.contains(byte)
    }
    if isPlain { return value }
    return "'" + value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
  }

  private static func unquoted(_ value: Substring) -> String {
    for quote in ["'", "\""] where value.count >= 2 && value.hasPrefix(quote) && value.hasSuffix(quote) {
      return value.dropFirst().dropLast().split(separator: #"'\''"#, omittingEmptySubsequences: false)
        .joined(separator: "'")
    }
    return String(value)
  }
}
