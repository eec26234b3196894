// SPDX-License-Identifier: Apache-2.0
internal import Instances
internal import Layout
internal import Report
internal import Storage

// Whole disks, which boot by themselves.

extension Trial {
  func judgeWholeDisk(_ created: Made<CreatedGuest>) {
    var divided: Made<(ScratchDisk, PartitionTable)> = .missing(because: "create.table failed")
    judge(.table, with: created.flatMap(\.written)) { guest throws(Failure) in
      guard let found = try guest.disk.partitionTable() else {
        divided = .missing(because: "the disk has no partition table")
        return .notApplicable("the disk has no partition table")
      }
      divided = .made((guest.disk, found.table))
      guard case .gpt(let gpt) = found.table else { return .pass(["an MBR, which is sound"]) }
      if let note = found.notes.first { return .fail(note, found.notes) }
      let last = guest.disk.size / gpt.sectorSize - 1
      return .require(
        gpt.backup == last, "the copy of the GPT is in sector \(gpt.backup), and the last one is \(last)",
        ["\(gpt.partitions.count) partitions; the copy of the GPT is in the last sector"])
    }
    judge(.bootsBIOS, with: divided) { disk, table throws(Failure) in
      guard try disk.bytes(at: 0, count: BootSector.codeLength).contains(where: { $0 != 0 }) else {
        return .notApplicable("the first sector has no program for a BIOS")
      }
      return try boots(disk, under: .bios)
    }
    judge(.bootsUEFI, with: divided) { disk, table throws(Failure) in
      guard table.hasEFISystem else { return .notApplicable("the disk has no EFI system partition") }
      return try boots(disk, under: .uefi)
    }
  }

  /// A loader shows itself after some seconds, also where much else runs.
  private func boots(_ disk: ScratchDisk, under firmware: Firmware) throws(Failure) -> CheckResult {
    switch try firmware.firstWords(from: disk.path, within: firmware == .bios ? 20 : 60) {
    case .loader(let words): .pass(["the console shows \(Words.printable(words, limit: 100).quoted)"])
    case .nothing(let words):
      .fail("the firmware finds nothing to start: \(Words.printable(words, limit: 200))")
    // A loader may write to a screen alone.
    case .silence(let words): .notApplicable(words)
    }
  }
}

extension PartitionTable {
  fileprivate var hasEFISystem: Bool {
    partitions.contains { $0.type == .gpt(GPT.efiSystem) || $0.type == .mbr(0xEF) }
  }
}
