// SPDX-License-Identifier: Apache-2.0
internal import Report

extension GPT {
  /// Reads the table of a disk, from either of its two copies; nil where the disk does not have this kind of table.
  static func read(_ source: TableSource, after boot: BootSector?) throws(Failure) -> FoundTable? {
    let isProtected = boot?.entries.contains { $0.isProtective } ?? false
    let sizes: [UInt64] = source.sectorSize == 4096 ? [4096, 512] : [512, 4096]
    var faults: [String] = []
    for sectorSize in sizes where source.size >= 4 * sectorSize {
      let primary = try GPTCopy.read(source, at: 1, sectorSize: sectorSize)
      // What only the end of a disk still has is what it was before.
      if case .missing = primary, !isProtected { continue }
      let backup = try backup(of: primary, source, sectorSize)
      guard let (header, entries, note) = chosen(primary, backup, source) else {
        if case .missing = primary, case .missing = backup { continue }
        faults.append(
          "at the start of the disk it \(primary.fault ?? ""), at the end it \(backup.fault ?? "")")
        continue
      }
      if let needed = source.sectorSize, needed != sectorSize {
        throw Failure(
          .guest,
          "the partition table of \(source.name) is for sectors of \(sectorSize) bytes, and the disk has sectors of "
            + "\(needed)", remedy: "use a disk with sectors of \(sectorSize) bytes")
      }
      let gpt = GPT(header, entries, boot ?? BootSector(), sectorSize: sectorSize, size: source.size)
      try gpt.refuseUnsound(of: source.name)
      return FoundTable(table: .gpt(gpt), notes: [note].compactMap { $0 } + gpt.notes(on: boot, of: source.name))
    }
    guard isProtected || !faults.isEmpty else { return nil }
    let fault = faults.first ?? "the MBR says that there is one, and neither the start nor the end of the disk has it"
    throw Failure(
      .guest, "\(source.name) has no readable GUID partition table: \(fault)",
      remedy: "see with sgdisk --verify whether it can be recovered on a copy of the disk")
  }

  /// The copy at the end: where the first one says, and at the end of this disk.
  private static func backup(
    of primary: GPTCopy, _ source: TableSource, _ sectorSize: UInt64
  ) throws(Failure) -> GPTCopy {
    let last = source.size / sectorSize - 1
    let stated = primary.other.flatMap { $0 > 1 ? $0 : nil } ?? last
    let copy = try GPTCopy.read(source, at: stated, sectorSize: sectorSize)
    if case .missing = copy, stated != last { return try GPTCopy.read(source, at: last, sectorSize: sectorSize) }
    return copy
  }

  private static func chosen(
    _ primary: GPTCopy, _ backup: GPTCopy, _ source: TableSource
  ) -> (GPTHeader, [UInt8], String?)? {
    let copies = "the partition table of \(source.name)"
    switch (primary, backup) {
    case (.sound(let header, let entries), .sound(_, let others)):
      return (
        header, entries,
        entries == others ? nil : "\(copies) differs from its copy at the end of the disk: the one at the start is used"
      )
    case (.sound(let header, let entries), _):
      return (header, entries, "the copy of \(copies) at the end of the disk \(backup.fault ?? ""): it is made anew")
    case (_, .sound(let header, let entries)):
      return (
        header, entries,
        "\(copies) at the start of the disk \(primary.fault ?? ""): its copy at the end is used"
      )
    default: return nil
    }
  }

  /// From either header.
  private init(_ header: GPTHeader, _ entries: [UInt8], _ boot: BootSector, sectorSize: UInt64, size: UInt64) {
    let isPrimary = header.own < header.other
    guid = header.guid
    self.sectorSize = sectorSize
    self.size = size
    backup = isPrimary ? header.other : header.own
    bootSector = boot
    self.entries = header.entries
    entriesStart = isPrimary ? header.entriesStart : 2
    firstUsable = header.firstUsable
    lastUsable = header.lastUsable
    partitions = (0..<Int(header.entries.count)).compactMap { index in
      let place = index * Int(header.entries.size)
      let entry = Array(entries[place..<place + 128])
      guard entry[..<16].contains(where: { $0 != 0 }) else { return nil }
      var partition = Partition(
        number: index + 1, type: UUID(mixedEndian: Array(entry[..<16])), uuid: UUID(mixedEndian: Array(entry[16..<32])),
        first: entry.number(at: 32, 8), last: entry.number(at: 40, 8), attributes: entry.number(at: 48, 8))
      partition.encodedName = Array(entry[56..<128])
      return partition
    }
  }

  /// What is not fatal.
  private func notes(on boot: BootSector?, of name: String) -> [String] {
    guard let entry = boot?.entries.first(where: { $0.isProtective }) else {
      return ["the protective MBR of \(name) is missing: it is made anew"]
    }
    if isHybrid { return ["\(name) has a hybrid MBR, with partitions of its own: it is kept"] }
    guard UInt64(entry.length) < min(backup, UInt64(UInt32.max)) else { return [] }
    return [
      "the protective MBR of \(name) covers \(entry.length) sectors, and the partition table \(backup): it is corrected"
    ]
  }
}

// MARK: What is refused

extension GPT {
  /// Refuses partitions that are not where partitions can be.
  private func refuseUnsound(of name: String) throws(Failure) {
    func unsound(_ partition: Partition, _ fault: String) -> Failure {
      Failure(
        .guest, "partition \(partition.number) of \(name) \(fault)",
        remedy: "correct the partition table with sgdisk or sfdisk")
    }
    for partition in partitions {
      guard partition.first <= partition.last else {
        throw unsound(partition, "begins with sector \(partition.first) and ends with sector \(partition.last)")
      }
      guard partition.first >= firstUsable else {
        throw unsound(
          partition,
          "begins with sector \(partition.first), in the partition table: the first after it is \(firstUsable)"
        )
      }
      guard partition.last <= lastUsable else {
        throw unsound(
          partition, "ends with sector \(partition.last): the last that the partition table allows is \(lastUsable)")
      }
    }
    if let (one, other) = firstOverlap(partitions.map { ($0.number, $0.first, $0.last) }) {
      throw overlap(one, other, of: name)
    }
    try refuseLonger(than: size / sectorSize - 1, of: name)
  }

  /// Refuses partitions that reach behind that sector.
  func refuseLonger(than last: UInt64, of name: String) throws(Failure) {
    guard let partition = lastPartition, partition.last > last else { return }
    throw tooShort(
      name, partition.number, last: partition.last, of: last, sectorSize, behind: entrySectors + 1)
  }
}
