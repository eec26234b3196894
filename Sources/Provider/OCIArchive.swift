// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report

/// Where the files of a tar are that is not packed, by their names in its headers (ustar, pax(1)): what an archive of an OCI
/// layout has, whose names are short. All of it is compared with digests later, but for the index, which the archive's own
/// digest stands for.
struct OCIArchive {
  private(set) var files: [String: ByteRange] = [:]

  /// More entries than any image has.
  private static let most = 10_000

  /// - Throws: `.guest` where it is not a tar.
  init(_ file: SharedDescriptor) throws(Failure) {
    var offset: UInt64 = 0
    var entries = 0
    while true {
      let header = try [UInt8](upTo: 512) { buffer throws(Failure) in try file.readFull(into: buffer, at: offset) }
      // Two blocks of zeros are the end, and one is enough.
      if header.count < 512 || header.allSatisfy({ $0 == 0 }) { return }
      entries += 1
      guard entries <= Self.most, Self.isSound(header), let size = Self.number(header[124..<136]),
        size <= 1 << 60
      else {
        throw Failure(.guest, "\(file.name) is not a tar at byte \(offset)", remedy: "correct format, or the image")
      }
      offset += 512
      // A file; what is before a link or a folder, and the heads of pax, have nothing that is needed.
      if header[156] == UInt8(ascii: "0") || header[156] == 0 {
        files[Self.name(header)] = ByteRange(offset: offset, length: size)
      }
      offset += (size + 511) / 512 * 512
    }
  }

  private static func name(_ header: [UInt8]) -> String {
    let prefix = header[257..<263].elementsEqual("ustar\0".utf8) ? text(header[345..<500]) : ""
    let name = (prefix.isEmpty ? "" : prefix + "/") + text(header[..<100])
    return name.hasPrefix("./") ? String(name.dropFirst(2)) : name
  }

  private static func text(_ field: ArraySlice<UInt8>) -> String {
    String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// In octal digits, or with the highest bit set in base 256.
  private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
    if field.first == 0x80 {
      guard field.dropFirst().prefix(field.count - 9).allSatisfy({ $0 == 0 }) else { return nil }
      return field.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
    return UInt64(text(field).filter { $0 != " " }, radix: 8)
  }

  /// By its checksum, of all bytes with blanks in its own place.
  private static func isSound(_ header: [UInt8]) -> Bool {
    let sum = header.enumerated().reduce(UInt64(0)) { $0 + ((148..<156).contains($1.offset) ? 32 : UInt64($1.element)) }
    return number(header[148..<156]) == sum
  }
}
