// SPDX-License-Identifier: Apache-2.0
internal import Filesystems
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage

/// What cloud-init reads from a disk beside the guest's own filesystem: a FAT filesystem that is labelled `CIDATA`.
struct SeedFiles {
  private(set) var texts: [ByteString: String] = [:]

  private static let names = ["meta-data", "network-config"]
  private static let mostBytes: UInt64 = 1 << 20

  /// Empty where the disk has none that can be read.
  init(of disk: ScratchDisk) throws(Failure) {
    let table = try? disk.partitionTable()?.table
    try disk.flush()
    let opened = try Disk(disk.path, for: .reading)
    let parts = table?.partitions.map(\.range) ?? [ByteRange(offset: 0, length: opened.size)]
    guard let seed = SeedFAT(among: parts, name: { _ in disk.path }, read: opened.reading) else { return }
    for name in Self.names {
      guard let file = seed.file(name), file.size <= Self.mostBytes, let bytes = try? seed.bytes(of: file) else {
        continue
      }
      texts[file.path] = String(decoding: bytes, as: UTF8.self)
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
