// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Report

/// A list of digests as publishers have them beside their files.
///
/// Lines are those of coreutils (`HASH  NAME`, `HASH *NAME`) or of BSD (`SHA256 (NAME) = HASH`), or the file has nothing
/// but one hash. Of a name with folders before it the last part counts; lines of other algorithms and of other forms say
/// nothing. Lines may end with CR LF. A list of one file, by its own name, may call that by the name of a build
/// (`image.qcow2.sha256` with `HASH  image-Build7.qcow2`).
struct SumsFile {
  private let lines: [Substring]

  init(_ bytes: [UInt8]) {
    lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
  }

  /// The text begins a message that is signed in place.
  static func isClearsigned(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: "-----BEGIN PGP SIGNED MESSAGE-----".utf8)
  }

  /// Behind the name of a file in that of its own list.
  private static let endings = [".sha256", ".sha512", ".sha256sum", ".sha512sum"]

  /// What it says about the file of that name: of both algorithms the longer one.
  ///
  /// - Returns: the digest, and what the list calls the file where that is another name.
  /// - Throws: `.io` where that is nothing, or two things.
  func digest(
    of name: String, in place: Location
  ) throws(Failure) -> (digest: ContentDigest, otherName: String?) {
    if lines.count == 1, let digest = ContentDigest(Self.trimmed(lines[0])) { return (digest, nil) }
    let entries = lines.compactMap(Self.entry)
    let found = entries.filter { $0.name == name }.map(\.digest)
    for algorithm in [MessageDigest.Algorithm.sha512, .sha256] {
      let digests = Set(found.filter { $0.algorithm == algorithm })
      if digests.count > 1 {
        throw Failure(.io, "\(place) has two different digests for \(Words.printable(name).quoted)")
      }
      if let digest = digests.first { return (digest, nil) }
    }
    if entries.count == 1, let entry = entries.first, Self.endings.contains(where: { place.name == name + $0 }) {
      return (entry.digest, entry.name)
    }
    throw Failure(
      .io, "\(place) has no SHA-256 or SHA-512 of \(Words.printable(name).quoted)",
      remedy: "name the list of digests that is beside the image")
  }

  private static func entry(_ line: Substring) -> (name: String, digest: ContentDigest)? {
    let line = trimmed(line)
    // A backslash says that those in the name stand for something else.
    guard let first = line.first, first != "\\" else { return nil }
    if first.isHexDigit, let blank = line.firstIndex(of: " "), let digest = ContentDigest(line[..<blank]) {
      let rest = line[line.index(after: blank)...]
      guard let mark = rest.first, mark == " " || mark == "*" else { return nil }
      return (lastPart(rest.dropFirst()), digest)
    }
    guard let open = line.firstRange(of: "("), let close = line.lastIndex(of: ")"), open.upperBound <= close,
      let equals = line[close...].firstIndex(of: "="),
      let algorithm = algorithm(trimmed(line[..<open.lowerBound])),
      let digest = ContentDigest(algorithm, trimmed(line[line.index(after: equals)...])),
      trimmed(line[line.index(after: close)..<equals]).isEmpty
    else { return nil }
    return (lastPart(line[open.upperBound..<close]), digest)
  }

  /// As BSD's tools and openssl call it: `SHA256`, since version 3 of openssl `SHA2-256`.
  private static func algorithm(_ word: Substring) -> MessageDigest.Algorithm? {
    let word = word.lowercased()
    return MessageDigest.Algorithm(rawValue: word.hasPrefix("sha2-") ? "sha\(word.dropFirst(5))" : word)
  }

  private static func lastPart(_ path: Substring) -> String {
    String(path.split(separator: "/", omittingEmptySubsequences: false).last ?? "")
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
  }
}
