// SPDX-License-Identifier: Apache-2.0

/// The first 512 bytes of a disk, or those of a link in the chain of logical partitions: code, a signature of the disk, and
/// four entries of 16 bytes.
package struct BootSector: Equatable, Sendable {
  package static let length = 512
  /// How much of it is code.
  package static let codeLength = 440

  package struct Entry: Equatable, Sendable {
    /// 0x80 for the partition that is booted, else 0.
    package var flags: UInt8 = 0
    package var type: UInt8
    /// In sectors; of a link, from the start of the extended partition, and of a logical partition, from its link.
    package var start: UInt32
    /// In sectors.
    package var length: UInt32

    /// It describes a range of the disk.
    package var isUsed: Bool { type != 0 && length != 0 }
    /// It holds logical partitions.
    package var isExtended: Bool { [0x05, 0x0F, 0x85].contains(type) }
    package var isProtective: Bool { type == 0xEE }
    var end: UInt64 { UInt64(start) + UInt64(length) }
  }

  package private(set) var bytes: [UInt8]

  /// Of a new disk.
  package init() {
    bytes = [UInt8](repeating: 0, count: Self.length)
    bytes.put(0xAA55, at: 510, 2)
  }

  /// Nil where the bytes are not one.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.length, bytes.number(at: 510, 2) == 0xAA55 else { return nil }
    self.bytes = bytes
  }

  /// What a BIOS executes; 440 bytes.
  package var code: [UInt8] {
    get { Array(bytes[..<Self.codeLength]) }
    set { bytes.put(Array(newValue.prefix(Self.codeLength)), at: 0) }
  }

  /// Of the disk, which the identifiers of MBR partitions begin with.
  package var signature: UInt32 {
    get { UInt32(bytes.number(at: 440, 4)) }
    set { bytes.put(UInt64(newValue), at: 440, 4) }
  }

  /// The four entries.
  package internal(set) var entries: [Entry] {
    get { (0..<4).map { self[$0] } }
    set { for (index, entry) in newValue.prefix(4).enumerated() { self[index] = entry } }
  }

  subscript(index: Int) -> Entry {
    get {
      let place = 446 + 16 * index
      return Entry(
        flags: bytes[place], type: bytes[place + 4], start: UInt32(bytes.number(at: place + 8, 4)),
        length: UInt32(bytes.number(at: place + 12, 4)))
    }
    set {
      let place = 446 + 16 * index
      let old = self[index]
      guard newValue != old else { return }
      bytes[place] = newValue.flags
      bytes[place + 4] = newValue.type
      if newValue.start != old.start { bytes.put(Self.address(of: UInt64(newValue.start)), at: place + 1) }
      bytes.put(
        newValue.isProtective ? [0xFF, 0xFF, 0xFF] : Self.address(of: max(newValue.end, 1) - 1), at: place + 5)
      bytes.put(UInt64(newValue.start), at: place + 8, 4)
      bytes.put(UInt64(newValue.length), at: place + 12, 4)
    }
  }

  /// A sector as head, sector and cylinder of 255 heads of 63 sectors, which is what firmware takes a disk to have; the
  /// largest for what that can't say.
  private static func address(of sector: UInt64) -> [UInt8] {
    let cylinder = sector / (255 * 63)
    guard cylinder < 1024 else { return [0xFE, 0xFF, 0xFF] }
    return [
      UInt8(sector / 63 % 255), UInt8(sector % 63 + 1) | UInt8(cylinder >> 8) << 6, UInt8(truncatingIfNeeded: cylinder),
    ]
  }

  /// The beginning of a filesystem that starts with the same signature: FAT, NTFS, exFAT.
  var isOfFilesystem: Bool {
    func has(_ text: String, at place: Int) -> Bool { bytes[place...].starts(with: text.utf8) }
    return has("NTFS    ", at: 3) || has("EXFAT   ", at: 3) || has("FAT1", at: 54) || has("FAT32   ", at: 82)
  }
}
