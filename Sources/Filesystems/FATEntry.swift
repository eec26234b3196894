// SPDX-License-Identifier: Apache-2.0
internal import Report

/// A name in a directory of FAT: 32 bytes, and before them as many more as the long form of the name needs.
struct FATEntry {
  let name: ByteString
  let isFolder: Bool
  let cluster: UInt64
  /// In bytes; 0 for a directory.
  let size: UInt64

  private static let length = 32

  /// The names in a directory, without `.` and `..`, and the label of the volume, which is in the root.
  static func entries(of bytes: [UInt8]) -> (entries: [FATEntry], label: String?) {
    var (entries, label): ([FATEntry], String?) = ([], nil)
    var long = LongName()
    for place in stride(from: 0, to: bytes.count / length * length, by: length) {
      let entry = Array(bytes[place..<place + length])
      if entry[0] == 0 { break }
      let attributes = entry[11]
      if entry[0] != 0xE5, attributes & 0x3F == 0x0F {
        long.add(entry)
        continue
      }
      let name = long.name(before: entry) ?? shortName(of: entry)
      long = LongName()
      if entry[0] == 0xE5 || entry[0] == UInt8(ascii: ".") { continue }
      if attributes & 0x08 != 0 {
        label = label ?? self.label(entry[..<11])
        continue
      }
      let isFolder = attributes & 0x10 != 0
      entries.append(
        FATEntry(
          name: name, isFolder: isFolder, cluster: entry.number(at: 20, 2) << 16 | entry.number(at: 26, 2),
          size: isFolder ? 0 : entry.number(at: 28, 4)))
    }
    return (entries, label)
  }

  /// Of eleven bytes.
  static func label(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: trimmed(bytes), as: UTF8.self) }

  /// Eight bytes and three, in lower case where the two bits say so that Windows NT has added.
  private static func shortName(of entry: [UInt8]) -> ByteString {
    func part(_ range: Range<Int>, _ bit: UInt8) -> [UInt8] {
      trimmed(entry[range]).map { entry[12] & bit != 0 && (65...90).contains($0) ? $0 + 32 : $0 }
    }
    let (base, suffix) = (part(0..<8, 0x08), part(8..<11, 0x10))
    return ByteString(suffix.isEmpty ? base : base + [UInt8(ascii: ".")] + suffix)
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    bytes.prefix((bytes.lastIndex { $0 != 0x20 } ?? bytes.startIndex - 1) - bytes.startIndex + 1)
  }
}

/// The long form of a name: 13 units of UTF-16 in each entry, the last of them first.
private struct LongName {
  private var units: [UInt16] = []
  private var sum: UInt8?

  private static let places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]

  mutating func add(_ entry: [UInt8]) {
    if entry[0] & 0x40 != 0 { self = LongName() }
    units = Self.places.map { UInt16(entry.number(at: $0, 2)) } + units.prefix(255)
    sum = entry[13]
  }

  /// Nil where it belongs to another name.
  func name(before entry: [UInt8]) -> ByteString? {
    let sum = entry[..<11].reduce(UInt8(0)) { ($0 >> 1 | $0 << 7) &+ $1 }
    guard self.sum == sum, !units.isEmpty else { return nil }
    return ByteString(String(decoding: units.prefix { $0 != 0 }, as: UTF16.self))
  }
}
