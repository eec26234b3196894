// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report

/// Where the files of a tar are that is not packed, by their names (ustar, pax(1), and GNU's for names of more than 100 bytes): what an
/// archive of an OCI layout has. All of it is compared with digests later, but for the index, which the archive's own
/// digest stands for.
struct OCIArchive {
  private(set) var files: [String: ByteRange] = [:]

  /// More entries than any image has.
  private static let most = 10_000

  /// - Throws: `.guest` where it is not a tar.
  init(_ file: SharedDescriptor) throws(Failure) {
    var offset: UInt64 = 0
    var entries = 0
    var longName: String?
    var longSize: UInt64?
    while true {
      let header = try [UInt8](upTo: 512) { buffer throws(Failure) in try file.readFull(into: buffer, at: offset) }
      // Two blocks of zeros are the end, and one is enough.
      if header.count < 512 || header.allSatisfy({ $0 == 0 }) { return }
      entries += 1
      // What only tells about others has its own size.
      let told = Self.tellsOfOthers(header[156]) ? nil : longSize
      guard entries <= Self.most, Self.isSound(header), let size = told ?? Self.number(header[124..<136]),
        size <= 1 << 60
      else {
        throw Failure(.guest, "\(file.name) is not a tar at byte \(offset)", remedy: "correct format, or the image")
      }
      offset += 512
      switch header[156] {
      case UInt8(ascii: "0"), 0:
        files[Self.plain(longName ?? Self.name(header))] = ByteRange(offset: offset, length: size)
        (longName, longSize) = (nil, nil)
      // What the next entry is called, and how long it is.
      case UInt8(ascii: "L"): longName = Self.text(try Self.head(size, of: file, at: offset)[...])
      case UInt8(ascii: "x"):
        let records = Self.records(inPax: try Self.head(size, of: file, at: offset))
        longName = records["path"] ?? longName
        // One that is not a number is larger than any.
        longSize = records["size"].map { UInt64($0) ?? .max } ?? longSize
      // For all that come.
      case UInt8(ascii: "g"), UInt8(ascii: "K"): break
      // A link or a folder has nothing that is needed.
      default: (longName, longSize) = (nil, nil)
      }
      offset += (size + 511) / 512 * 512
    }
  }

  private static func name(_ header: [UInt8]) -> String {
    let prefix = header[257..<263].elementsEqual("ustar\0".utf8) ? text(header[345..<500]) : ""
    return (prefix.isEmpty ? "" : prefix + "/") + text(header[..<100])
  }

  private static func plain(_ name: String) -> String { name.hasPrefix("./") ? String(name.dropFirst(2)) : name }

  /// The first 16 KiB of a header that tells about the next entry: more than any header of a layout has.
  private static func head(_ size: UInt64, of file: SharedDescriptor, at offset: UInt64) throws(Failure) -> [UInt8] {
    try [UInt8](upTo: Int(min(size, 16384))) { buffer throws(Failure) in try file.readFull(into: buffer, at: offset) }
  }

  /// Whether an entry of that type says something of the next one, or of all that come: GNU's for long names, and those of pax(1).
  private static func tellsOfOthers(_ type: UInt8) -> Bool { "LKxg".utf8.contains(type) }

  /// The path and the size in records of pax(1): each is its length, a blank, a key, an equals sign, a value and a newline.
  private static func records(inPax bytes: [UInt8]) -> [String: String] {
    var (rest, found) = (bytes[...], [String: String]())
    while let blank = rest.firstIndex(of: UInt8(ascii: " ")),
      let length = Int(String(decoding: rest[..<blank], as: UTF8.self)), length > blank - rest.startIndex + 1,
      length <= rest.count
    {
      let record = rest[(blank + 1)..<(rest.startIndex + length)]
      for key in ["path", "size"] where record.starts(with: "\(key)=".utf8) {
        found[key] = String(decoding: record.dropFirst(5).dropLast(), as: UTF8.self)
      }
      rest = rest.dropFirst(length)
    }
    return found
  }

  private static func text(_ field: ArraySlice<UInt8>) -> String {
    String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// In octal digits, or with the highest bit set in base 256.
  private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
    if field.first == 0x80 {
      let digits = field.dropFirst()
      guard digits.dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
      return digits.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
    return UInt64(text(field).filter { $0 != " " }, radix: 8)
  }

  /// By its checksum, of all bytes with blanks in its own place.
  private static func isSound(_ header: [UInt8]) -> Bool {
    let sum = header.enumerated().reduce(UInt64(0)) { $0 + ((148..<156).contains($1.offset) ? 32 : UInt64($1.element)) }
    return number(header[148..<156]) == sum
  }
}
