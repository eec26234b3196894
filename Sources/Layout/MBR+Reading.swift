// SPDX-License-Identifier: Apache-2.0
internal import Report

extension MBR {
  /// More logical partitions than any system makes devices for.
  private static let mostLinks = 128

  /// That of a disk; nil where the first sector is another thing, or describes no partition.
  static func read(_ source: TableSource, _ boot: BootSector) throws(Failure) -> MBR? {
    guard isDescribed(by: boot) else { return nil }
    var mbr = MBR(sectorSize: source.sectorSize ?? 512, size: source.size, bootSector: boot, links: [])
    let used = boot.entries.enumerated().filter { $1.isUsed }.map { index, entry in
      Partition(index + 1, entry, from: 0)
    }
    for partition in used {
      guard partition.first > 0 else {
        throw unsound("partition \(partition.number) of \(source.name) begins with sector 0, in the partition table")
      }
    }
    if let (one, other) = firstOverlap(used.map { ($0.number, $0.first, $0.last) }) {
      throw overlap(one, other, of: source.name)
    }
    try mbr.refuseLonger(than: source.size / mbr.sectorSize, of: source.name)
    guard boot.entries.count(where: { $0.isUsed && $0.isExtended }) < 2 else {
      throw unsound("\(source.name) has two extended partitions, where one is the most")
    }
    if let extended = mbr.extended?.entry {
      mbr.links = try links(of: extended, source, mbr.sectorSize)
      try mbr.refuseUnsoundLinks(in: extended, of: source.name)
    }
    return mbr
  }

  /// Whether a first sector has entries of partitions, and not a boot loader's code or a filesystem's fields in their place.
  static func isDescribed(by boot: BootSector) -> Bool {
    !boot.isOfFilesystem && boot.entries.allSatisfy { [0, 0x80].contains($0.flags) }
      && boot.entries.contains(where: \.isUsed)
  }

  /// The chain of logical partitions.
  private static func links(
    of extended: BootSector.Entry, _ source: TableSource, _ sectorSize: UInt64
  ) throws(Failure) -> [Link] {
    var links: [Link] = []
    var place = UInt64(extended.start)
    while true {
      guard (UInt64(extended.start)..<extended.end).contains(place) else {
        throw unsound(
          "the chain of logical partitions of \(source.name) leads to sector \(place), out of the extended partition")
      }
      guard !links.contains(where: { $0.place == place }) else {
        throw unsound("the chain of logical partitions of \(source.name) leads back to sector \(place)")
      }
      guard links.count < mostLinks else {
        throw unsound("\(source.name) has more than \(mostLinks) logical partitions")
      }
      guard let sector = try source.bytes(at: place * sectorSize, UInt64(BootSector.length)).flatMap({ BootSector($0) })
      else {
        // An extended partition that was just made has nothing in it.
        if links.isEmpty { return [] }
        throw unsound(
          "the chain of logical partitions of \(source.name) leads to sector \(place), which does not describe one")
      }
      links.append(Link(place: place, sector: sector))
      guard sector[1].isUsed, sector[1].isExtended else { return links }
      place = UInt64(extended.start) + UInt64(sector[1].start)
    }
  }

  private func refuseUnsoundLinks(in extended: BootSector.Entry, of name: String) throws(Failure) {
    let logical = partitions.filter { $0.number > 4 }
    for partition in logical where !(partition.first > UInt64(extended.start) && partition.last < extended.end) {
      throw Self.unsound(
        "partition \(partition.number) of \(name) ends with sector \(partition.last), "
          + "out of the extended partition, which ends with sector \(extended.end - 1)")
    }
    if let (one, other) = firstOverlap(logical.map { ($0.number, $0.first, $0.last) }) {
      throw overlap(one, other, of: name)
    }
    for link in links {
      if let partition = logical.first(where: { ($0.first...$0.last).contains(link.place) }) {
        throw Self.unsound(
          "partition \(partition.number) of \(name) covers sector \(link.place), where the partition table goes on")
      }
    }
  }

  /// Refuses partitions that reach to that sector or behind it.
  func refuseLonger(than sectors: UInt64, of name: String) throws(Failure) {
    let used = bootSector.entries.enumerated().filter { $1.isUsed }
    guard let (index, entry) = used.max(by: { $0.1.end < $1.1.end }), entry.end > sectors else { return }
    throw tooShort(name, index + 1, last: entry.end - 1, of: sectors - 1, sectorSize, behind: 0)
  }

  private static func unsound(_ message: String) -> Failure {
    Failure(.guest, message, remedy: "correct the partition table with sfdisk")
  }
}
