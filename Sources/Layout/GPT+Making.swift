// SPDX-License-Identifier: Apache-2.0
package import Report

extension GPT {
  /// A new table.
  ///
  /// - Parameters:
  ///   - size: of the disk, in bytes.
  ///   - partitions: with addresses in sectors of `sectorSize`; in any order.
  /// - Throws: `.device` where the disk is too small.
  package static func new(
    on name: String, size: UInt64, sectorSize: UInt64, guid: UUID, partitions: [Partition]
  ) throws(Failure) -> GPT {
    try GPT(guid, partitions, sectorSize: sectorSize).moved(to: size, called: name)
  }

  /// On no disk yet.
  private init(_ guid: UUID, _ partitions: [Partition], sectorSize: UInt64) {
    entries = GPTEntries(count: 128, size: 128)
    self.guid = guid
    self.sectorSize = sectorSize
    size = 0
    self.partitions = partitions.sorted { $0.number < $1.number }
    bootSector = BootSector()
    entriesStart = 2
    firstUsable = 2 + entries.sectors(of: sectorSize)
    (backup, lastUsable) = (0, 0)
  }

  /// Where the BIOS boot partition of a disk that boots by itself is.
  package static let loader = ByteRange(offset: alignedUnit, length: 3 << 20)
  /// Of its EFI system partition, in bytes.
  package static let efiLength: UInt64 = 124 << 20

  /// A disk that boots by itself, laid out as Debian's own images: partitions 14 for a BIOS and 15 for UEFI, of 3 and 124
  /// MiB, and behind them the root filesystem, partition 1, up to the last whole MiB. The first MiB stays free.
  package static func bootable(
    _ name: String, size: UInt64, sectorSize: UInt64, bios: Bool = true, uefi: Bool = true, newUUID: () -> UUID
  ) throws(Failure) -> GPT {
    var partitions: [Partition] = []
    var next = alignedUnit / sectorSize
    func add(_ number: Int, _ type: UUID, _ length: UInt64) {
      partitions.append(
        Partition(number: number, type: type, uuid: newUUID(), first: next, last: next + length / sectorSize - 1))
      next += length / sectorSize
    }
    if bios { add(14, biosBoot, loader.length) }
    if uefi { add(15, efiSystem, efiLength) }
    add(1, rootAMD64, alignedUnit)
    return try new(on: name, size: size, sectorSize: sectorSize, guid: newUUID(), partitions: partitions).growing(1)
  }
}
