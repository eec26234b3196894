// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report

/// The keys of a publisher, from a file that the administrator names: binary, or armored as publishers offer them
/// (RFC 9580, section 6.2). gpgv reads only the former.
struct Keyring {
  /// Of a file with keys, in bytes.
  private static let limit = 4 << 20

  /// Binary.
  let bytes: [UInt8]

  /// - Throws: `.invalid` for a file without keys.
  init(_ path: String) throws(Failure) {
    let file = try readFile(path, limit: Self.limit + 1)
    guard file.count <= Self.limit else {
      throw Failure(.invalid, "the keyring \(path) has more than \(Words.bytes(UInt64(Self.limit)))")
    }
    // The first byte of a packet has its highest bit set; a keybox of GnuPG begins with its version behind a length.
    if let first = file.first, first & 0x80 != 0 || file.dropFirst(8).starts(with: "KBXf".utf8) {
      bytes = file
      return
    }
    bytes = Self.dearmored(String(decoding: file, as: UTF8.self))
    guard !bytes.isEmpty else {
      throw Failure(
        .invalid, "\(path) is not a keyring: it has neither keys of OpenPGP nor an armored block of them",
        remedy: "name the file that the publisher's package of keys installs")
    }
  }

  /// What the blocks of public keys hold, one behind the other.
  private static func dearmored(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var place = Place.outside
    var digits = ""
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      switch place {
      case .outside: if line.hasPrefix("-----BEGIN PGP PUBLIC KEY BLOCK-----") { place = .head }
      // Lines such as `Comment: x`, up to an empty one.
      case .head: if line.allSatisfy(\.isWhitespace) { place = .body }
      case .body where line.hasPrefix("-----END") || line.hasPrefix("="):
        bytes += decoded(digits)
        (digits, place) = ("", .outside)
      case .body: digits += line
      }
    }
    return bytes
  }

  private enum Place { case outside, head, body }

  /// Of base64, up to the first byte that does not belong to it.
  private static func decoded(_ digits: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var value: UInt32 = 0
    var bits = 0
    for digit in digits.utf8 {
      let six: UInt8
      switch digit {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): six = digit - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): six = digit - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): six = digit - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"): six = 62
      case UInt8(ascii: "/"): six = 63
      case UInt8(ascii: " "), UInt8(ascii: "\r"), UInt8(ascii: "\t"): continue
      default: return bytes
      }
      value = value << 6 | UInt32(six)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(bits)))
      }
    }
    return bytes
  }
}
