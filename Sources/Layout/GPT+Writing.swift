// SPDX-License-Identifier: Apache-2.0
internal import Report

extension GPT {
  /// All of it, in the order in which it is to reach the disk: the copy at the end, the one at the start, and the first
  /// sector last.
  package var writes: [TableWrite] {
    let encoded = encodedEntries
    let crc = Array(encoded[..<entries.length]).crc32
    func header(_ own: UInt64, _ other: UInt64, _ start: UInt64) -> [UInt8] {
      GPTHeader(
        own: own, other: other, firstUsable: firstUsable, lastUsable: lastUsable, guid: guid, entriesStart: start,
        entries: entries, entriesCRC: crc
      ).encoded(sectorSize: sectorSize)
    }
    let copy = backup - entrySectors
    return [
      TableWrite(offset: copy * sectorSize, bytes: encoded),
      TableWrite(offset: backup * sectorSize, bytes: header(backup, 1, copy)),
      TableWrite(offset: entriesStart * sectorSize, bytes: encoded),
      TableWrite(offset: sectorSize, bytes: header(1, backup, entriesStart)),
      TableWrite(offset: 0, bytes: bootSector.bytes),
    ]
  }

  /// Whole sectors.
  private var encodedEntries: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(entrySectors * sectorSize))
    for partition in partitions {
      let place = (partition.number - 1) * Int(entries.size)
      bytes.put(partition.type.mixedEndian + partition.uuid.mixedEndian, at: place)
      for (index, number) in [partition.first, partition.last, partition.attributes].enumerated() {
        bytes.put(number, at: place + 32 + 8 * index, 8)
      }
      bytes.put(partition.encodedName, at: place + 56)
    }
    return bytes
  }

  /// The first sector, which shows to systems without GPT that the disk is in use. A hybrid one stays as it is.
  var protectingSector: BootSector {
    guard !isHybrid else { return bootSector }
    var sector = bootSector
    let index = sector.entries.firstIndex { $0.isProtective } ?? 0
    let flags = sector[index].flags
    sector.entries = [BootSector.Entry](repeating: .init(type: 0, start: 0, length: 0), count: 4)
    sector[index] = BootSector.Entry(
      flags: flags, type: 0xEE, start: 1, length: UInt32(clamping: size / sectorSize - 1))
    return sector
  }
}
