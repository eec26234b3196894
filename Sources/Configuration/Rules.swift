// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// What single values have to look like, before anything is done with them.
enum Rules {
  static func isAbsolutePath(_ text: String) -> Bool {
    text.hasPrefix("/") && isPrintable(text)
  }

  /// A path without detours: no `.`, no `..`, nothing twice, no blank that would end it in a list.
  static func isPlainPath(_ text: String) -> Bool {
    guard isAbsolutePath(text), text.utf8.count < 1024, !text.contains(where: { $0.isWhitespace || $0 == "\\" }) else {
      return false
    }
    return text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0 != "." && $0 != ".."
    }
  }

  /// Where a filesystem can be mounted in a guest: not one of the folders that the guest itself is made of.
  static func isMountPoint(_ text: String) -> Bool {
    let taken = [
      "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root/.ssh", "/run", "/sbin", "/sys", "/usr",
    ]
    return isPlainPath(text) && !taken.contains { text == $0 || text.hasPrefix($0 + "/") }
  }

  /// What outlives a reinstallation: a path whose last part may be a pattern.
  static func isKeptPath(_ text: String) -> Bool {
    let folder = text.prefix(upTo: text.lastIndex(of: "/") ?? text.startIndex)
    return isPlainPath(text) && !folder.contains { "*?[".contains($0) } && !text.contains("[")
  }

  /// A release, a component, a package: nothing that a program could take for an option, a list or a path.
  static func isPackageName(_ text: String) -> Bool {
    guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
    return text.utf8.count <= 128 && text.utf8.allSatisfy { isAlphanumeric($0) || "+-.:".utf8.contains($0) }
  }

  /// A component may have parts: `main/debian-installer`.
  static func isComponent(_ text: String) -> Bool {
    text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { isPackageName(String($0)) }
  }

  static func isURI(_ text: String) -> Bool {
    guard let colon = text.firstIndex(of: ":") else { return false }
    let scheme = text[..<colon]
    return !scheme.isEmpty && scheme.utf8.allSatisfy { isAlphanumeric($0) || "+-.".utf8.contains($0) }
      && text[colon...].hasPrefix(":/") && isPrintable(text) && !text.contains(" ")
  }

  /// Where a file can be fetched from.
  static func isPlace(_ text: String) -> Bool {
    isAbsolutePath(text)
      || isURI(text) && ["http://", "https://", "file:///"].contains { text.lowercased().hasPrefix($0) }
  }

  static func isImageFormat(_ text: String) -> Bool {
    if ["oci", "gsi"].contains(text) { return true }
    let whole = text.hasPrefix("oci.tar") ? text.dropFirst(4) : text[...]
    let parts = whole.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    return ["raw", "qcow2", "vmdk", "vhdx", "tar"].contains(parts[0])
      && (parts.count == 1 || ["gz", "xz", "zst", "bz2"].contains(parts[1]))
  }

  static func isDigest(_ text: String) -> Bool {
    [("sha256:", 64), ("sha512:", 128)].contains { prefix, count in
      text.hasPrefix(prefix) && text.utf8.count == prefix.utf8.count + count
        && text.dropFirst(prefix.count).unicodeScalars.allSatisfy(\.properties.isASCIIHexDigit)
    }
  }

  static func isFingerprint(_ text: String) -> Bool {
    let digits = text.filter { $0 != " " }
    return [40, 64].contains(digits.utf8.count) && digits.unicodeScalars.allSatisfy(\.properties.isASCIIHexDigit)
  }

  static func isAddress(_ text: String) -> Bool {
    isIPv4(text) || isIPv6(text)
  }

  static func isIPv4(_ text: String) -> Bool {
    var address = in_addr()
    return isPrintable(text) && inet_pton(AF_INET, text, &address) == 1
  }

  static func isIPv6(_ text: String) -> Bool {
    var address = in6_addr()
    return isPrintable(text) && inet_pton(AF_INET6, text, &address) == 1
  }

  /// A domain that names are looked up in.
  static func isDomain(_ text: String) -> Bool {
    text.utf8.count <= 253
      && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
        (1...63).contains(part.utf8.count) && !part.hasPrefix("-") && !part.hasSuffix("-")
          && part.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
      }
  }

  /// A filesystem's label: 16 bytes, not characters.
  static func isLabel(_ text: String) -> Bool {
    text.utf8.count <= 16 && isPrintable(text)
  }

  /// `$id$salt$hash`, and nothing that would begin another field of shadow(5).
  static func isPasswordHash(_ text: String) -> Bool {
    text.hasPrefix("$") && text.utf8.count <= 512 && text.utf8.split(separator: UInt8(ascii: "$")).count >= 3
      && text.utf8.allSatisfy { isAlphanumeric($0) || "$./=,*-_+".utf8.contains($0) }
  }

  /// A name that useradd(8) of every distribution takes, and not that of root.
  static func isUserName(_ text: String) -> Bool {
    guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
    return text != "root" && text.utf8.count <= 32
      && text.utf8.allSatisfy {
        isAlphanumeric($0) && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || "-_".utf8.contains($0)
      }
  }

  /// A line of authorized_keys: a type and a key in base64, maybe options before and a comment behind.
  static func isSSHKey(_ text: String) -> Bool {
    guard isPrintable(text) else { return false }
    let words = text.split(separator: " ")
    return zip(words, words.dropFirst()).contains { type, key in
      ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].contains { type.hasPrefix($0) } && key.hasPrefix("AAAA")
    }
  }

  /// A file, or what cloud-init takes for user data.
  static func isUserData(_ text: String) -> Bool {
    isPlace(text) || ["#", "Content-Type:", "MIME-Version:"].contains { text.hasPrefix($0) }
  }

  /// An answer for debconf, as far as one line can tell, or a file of them.
  static func isDebconf(_ text: String) -> Bool {
    isAbsolutePath(text) || text.split(whereSeparator: \.isWhitespace).count >= 3 && !text.contains(where: \.isNewline)
  }

  static func isTimezone(_ text: String) -> Bool {
    text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && part.utf8.allSatisfy { isAlphanumeric($0) || "_+-".utf8.contains($0) }
    }
  }

  static func isLocale(_ text: String) -> Bool {
    guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
    return text.utf8.count <= 64 && text.utf8.allSatisfy { isAlphanumeric($0) || "_.-@".utf8.contains($0) }
  }

  /// The name of a variant is the name of its file.
  static func isVariant(_ text: String) -> Bool {
    guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
    return text.utf8.count <= 128 && text.utf8.allSatisfy { isAlphanumeric($0) || "_.-+".utf8.contains($0) }
  }

  private static func isPrintable(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }
}
