// SPDX-License-Identifier: Apache-2.0
internal import Filesystems
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage

/// What cloud-init reads from a disk beside the guest's own filesystem: a FAT filesystem that is labelled `CIDATA`.
struct SeedFiles {
  private(set) var texts: [ByteString: String] = [:]

  private static let label = "CIDATA"
  private static let names: Set<ByteString> = ["/meta-data", "/network-config"]
  private static let mostNames = 1000
  private static let mostBytes: UInt64 = 1 << 20

  /// Empty where the disk has none that can be read.
  init(of disk: ScratchDisk) throws(Failure) {
    let table = try? disk.partitionTable()?.table
    try disk.flush()
    let opened = try Disk(disk.path, for: .reading)
    let reading = opened.reading
    for range in table?.partitions.map(\.range) ?? [ByteRange(offset: 0, length: opened.size)] {
      guard
        let fat = try? FAT(
          disk.path, length: range.length,
          read: { part throws(Failure) in
            try reading(ByteRange(offset: range.offset + part.offset, length: min(part.length, range.length)))
          }), let content = try? fat.content(most: Self.mostNames),
        (content.label ?? fat.label).uppercased() == Self.label
      else { continue }
      for file in content.files where Self.names.contains(file.path) && file.size <= Self.mostBytes {
        var bytes: [UInt8] = []
        while UInt64(bytes.count) < file.size {
          guard let piece = try? fat.piece(of: file, from: UInt64(bytes.count)), !piece.isEmpty else { break }
          bytes += piece
        }
        texts[file.path] = String(decoding: bytes, as: UTF8.self)
      }
      return
    }
  }

  /// What cloud-init tells instances apart by, as a `meta-data` of YAML or JSON has it; nil where that does not say.
  static func instanceID(in metaData: String) -> String? {
    let key = "instance-id"
    let bytes = Array(metaData.utf8)
    let end = bytes.lastIndex { $0 > UInt8(ascii: " ") } ?? -1
    if let json = try? JSON(parsing: Array(bytes[...end])) { return json[key]?.string }
    for line in metaData.split(whereSeparator: \.isNewline) {
      let text = line.drop { " \t\"'".contains($0) }
      guard text.hasPrefix(key) else { continue }
      let rest = text.dropFirst(key.count).drop { " \t\"'".contains($0) }
      guard rest.first == ":" else { continue }
      var value = rest.dropFirst().drop { " \t".contains($0) }
      if let quote = value.first, "\"'".contains(quote) {
        value = value.dropFirst().prefix { $0 != quote }
      } else if let comment = value.firstRange(of: " #") {
        value = value[..<comment.lowerBound]
      }
      while value.last?.isWhitespace == true { value.removeLast() }
      return value.isEmpty ? nil : String(value)
    }
    return nil
  }
}
