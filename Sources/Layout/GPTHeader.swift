// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The entries of a table: how many there are, and the bytes of each.
struct GPTEntries: Equatable, Sendable {
  /// The most that are read: tables have 128 of 128 bytes.
  static let most = GPTEntries(count: 1024, size: 4096)

  let count: UInt64
  let size: UInt64

  var length: Int { Int(count * size) }

  func sectors(of size: UInt64) -> UInt64 { (UInt64(length) + size - 1) / size }
}

/// One of the two headers, of 92 bytes, of which each has entries of its own.
struct GPTHeader {
  static let length = 92
  static let signature = Array("EFI PART".utf8)

  let own: UInt64
  /// Where the other one is.
  let other: UInt64
  let firstUsable: UInt64
  let lastUsable: UInt64
  let guid: UUID
  let entriesStart: UInt64
  let entries: GPTEntries
  let entriesCRC: UInt32

  /// All of a sector.
  func encoded(sectorSize: UInt64) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(sectorSize))
    bytes.put(Self.signature, at: 0)
    bytes.put(0x10000, at: 8, 4)
    bytes.put(UInt64(Self.length), at: 12, 4)
    for (index, number) in [own, other, firstUsable, lastUsable].enumerated() {
      bytes.put(number, at: 24 + 8 * index, 8)
    }
    bytes.put(guid.mixedEndian, at: 56)
    bytes.put(entriesStart, at: 72, 8)
    bytes.put(entries.count, at: 80, 4)
    bytes.put(entries.size, at: 84, 4)
    bytes.put(UInt64(entriesCRC), at: 88, 4)
    bytes.put(UInt64(Array(bytes[..<Self.length]).crc32), at: 16, 4)
    return bytes
  }
}

/// One of the two copies as it was found.
enum GPTCopy {
  /// The header is missing.
  case missing
  /// What is wrong with it, in words that follow "it"; where it says that the other one is.
  case faulty(String, other: UInt64?)
  case sound(GPTHeader, entries: [UInt8])

  /// The copy whose header is in that sector.
  static func read(_ source: TableSource, at sector: UInt64, sectorSize: UInt64) throws(Failure) -> GPTCopy {
    guard let bytes = try source.sectors(at: sector, 1, of: sectorSize), bytes.starts(with: GPTHeader.signature) else {
      return .missing
    }
    let other = bytes.number(at: 32, 8)
    func faulty(_ fault: String) -> GPTCopy { .faulty(fault, other: other) }
    let length = bytes.number(at: 12, 4)
    guard (UInt64(GPTHeader.length)...sectorSize).contains(length) else {
      return faulty("states a header of \(length) bytes, where 92 are right")
    }
    var covered = Array(bytes[..<Int(length)])
    covered.put(0, at: 16, 4)
    guard UInt64(covered.crc32) == bytes.number(at: 16, 4) else { return faulty("has a header with a wrong CRC") }
    let header = GPTHeader(
      own: bytes.number(at: 24, 8), other: other, firstUsable: bytes.number(at: 40, 8),
      lastUsable: bytes.number(at: 48, 8), guid: UUID(mixedEndian: Array(bytes[56..<72])),
      entriesStart: bytes.number(at: 72, 8),
      entries: GPTEntries(count: bytes.number(at: 80, 4), size: bytes.number(at: 84, 4)),
      entriesCRC: UInt32(bytes.number(at: 88, 4)))
    if let fault = header.fault(at: sector, sectorSize: sectorSize) { return faulty(fault) }
    let count = header.entries.sectors(of: sectorSize)
    guard let entries = try source.sectors(at: header.entriesStart, count, of: sectorSize) else {
      return faulty("has entries from sector \(header.entriesStart) on, behind the end of the disk")
    }
    let used = Array(entries[..<header.entries.length])
    guard used.crc32 == header.entriesCRC else { return faulty("has entries with a wrong CRC") }
    return .sound(header, entries: used)
  }

  /// In the words of a message.
  var fault: String? {
    switch self {
    case .missing: "is missing"
    case .faulty(let fault, _): fault
    case .sound: nil
    }
  }

  /// Where it says that the other one is.
  var other: UInt64? {
    switch self {
    case .missing: nil
    case .faulty(_, let other): other
    case .sound(let header, _): header.other
    }
  }
}

extension GPTHeader {
  /// What can't be believed of a header that was found in that sector; nil where it can.
  fileprivate func fault(at sector: UInt64, sectorSize: UInt64) -> String? {
    guard own == sector else { return "says that it is in sector \(own), and is in sector \(sector)" }
    guard (1...GPTEntries.most.count).contains(entries.count) else {
      return "states \(entries.count) entries, where 1 to \(GPTEntries.most.count) are right"
    }
    guard (128...GPTEntries.most.size).contains(entries.size), entries.size.nonzeroBitCount == 1 else {
      return "states entries of \(entries.size) bytes, where 128 are right"
    }
    guard firstUsable >= 1, firstUsable <= lastUsable else {
      return "states that partitions lie from sector \(firstUsable) to \(lastUsable)"
    }
    let length = entries.sectors(of: sectorSize)
    let (end, overflow) = entriesStart.addingReportingOverflow(length)
    let isBetween =
      sector < other
      ? entriesStart > sector && end <= firstUsable && lastUsable.saturatingAdding(length) < other
      : entriesStart > lastUsable && end <= sector && other == 1 && firstUsable >= 2 + length
    guard !overflow, isBetween else {
      return "states places that overlap: entries from sector \(entriesStart) on, "
        + "partitions from \(firstUsable) to \(lastUsable), headers in \(sector) and \(other)"
    }
    return nil
  }
}
