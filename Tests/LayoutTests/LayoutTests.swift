// SPDX-License-Identifier: Apache-2.0
import Layout
import Report
import TestSupport
import Testing

@Suite("The partition table of a distribution's image") struct DistributionTests {
  @Test("It is read as sfdisk reads it", arguments: DistributionLayout.all)
  func reading(_ layout: DistributionLayout) throws {
    try withScratch { scratch in
      let disk = try TestDisk(layout.script, in: scratch)
      let found = try #require(try disk.read())
      #expect(found.notes == [])
      let (id, lines) = try disk.listed()
      switch found.table {
      case .gpt(let gpt):
        #expect(layout.isGPT)
        #expect(gpt.guid.description == id)
      case .mbr(let mbr):
        #expect(!layout.isGPT)
        #expect("0x" + String(mbr.bootSector.signature, radix: 16) == id)
      }
      let own = found.table.partitions.map { partition in
        let type = partition.type.description
        let line = [
          "\(partition.number)", "\(partition.range.offset / 512)", "\(partition.range.length / 512)",
          type.hasPrefix("0") && !layout.isGPT ? String(type.dropFirst()) : type, layout.isGPT ? partition.uuid : "-",
          partition.label,
        ]
        return line.joined(separator: " ")
      }
      // sfdisk also lists the partition that holds the logical ones.
      #expect(own == lines.filter { !$0.contains(" 5 -") })
    }
  }

  @Test("Written as it was read it is the same, byte for byte", arguments: DistributionLayout.all)
  func writing(_ layout: DistributionLayout) throws {
    try withScratch { scratch in
      let disk = try TestDisk(layout.script, in: scratch)
      for write in try #require(try disk.read()).table.writes {
        #expect(try disk.bytes(at: write.offset, write.bytes.count) == write.bytes)
      }
    }
  }

  @Test(
    "On a larger disk the table ends with the disk, and the root partition reaches there",
    arguments: DistributionLayout.all, [7, 9000])
  func growing(_ layout: DistributionLayout, gibibytes: UInt64) throws {
    try withScratch { scratch in
      let disk = try TestDisk(layout.script, in: scratch)
      let before = try disk.listed()
      let size = gibibytes << 30 + 700 << 10
      try disk.resize(to: size)
      let table = try #require(try disk.read()).table
      let grown = try table.moved(to: size, called: "disk").growing(layout.root)
      try disk.write(grown.writes)
      #expect(try disk.problems() == nil)
      #expect(try disk.read() == FoundTable(table: grown))
      let root = try #require(grown.partitions.first { $0.number == layout.root })
      let reach = layout.isGPT ? size : min(size, 2 << 40)
      #expect(reach - root.range.end < 2 << 20 && root.range.end % (1 << 20) == 0)
      // All else is as it was.
      let after = try disk.listed()
      #expect(after.id == before.id)
      let kept = before.partitions.filter { !$0.hasPrefix("\(layout.root) ") && !$0.contains(" 5 -") }
      #expect(after.partitions.filter { kept.contains($0) } == kept)
      #expect(after.partitions.count == before.partitions.count)
    }
  }

  @Test("On a smaller disk it is moved where all partitions fit, and refused where one does not")
  func shrinking() throws {
    try withScratch { scratch in
      let disk = try TestDisk("label: gpt\n1: start=2048 size=1GiB\n2: size=1GiB\n", in: scratch)
      // 1 MiB before, two partitions of 1 GiB, 33 sectors behind.
      let needed: UInt64 = 1 << 20 + 2 << 30 + 33 * 512
      let table = try #require(try disk.read()).table
      #expect(table.smallestDisk == needed)
      #expect {
        try table.moved(to: needed - 512, called: "disk")
      } throws: {
        $0 as? Failure
          == Failure(
            .device, "disk is too small for partition 2, which ends with sector 4196351: 512 B are missing",
            remedy: "use a disk of at least \(needed) bytes")
      }
      try disk.resize(to: needed)
      let moved = try #require(try disk.read()).table.moved(to: needed, called: "disk")
      #expect(try table.moved(to: needed, called: "disk").partitions == moved.partitions)
      try disk.write(moved.writes)
      #expect(try disk.problems() == nil)
      try disk.resize(to: needed - (2 << 20))
      #expect {
        _ = try disk.read()
      } throws: { "\($0)".contains("partition 2") && "\($0)".contains("2.0 MiB are missing") }
    }
  }

  @Test("A partition behind which there is another, or an extended one, does not grow")
  func nothingToGain() throws {
    try withScratch { scratch in
      for (script, number) in [
        ("label: gpt\n1: size=1GiB\n2: size=1GiB\n", 1), ("label: dos\n1: size=1GiB\n2: size=1GiB\n", 1),
        ("label: dos\n1: size=1GiB type=83\n2: size=1GiB type=05\n", 1),
        ("label: dos\n1: size=1GiB type=83\n2: size=3GiB type=05\n3: size=1GiB type=83\n5: size=1GiB type=83\n", 5),
        ("label: gpt\n1: type=linux\n", 7),
      ] {
        let table = try #require(try TestDisk(script, in: scratch).read()).table
        #expect(table.growing(number) == table)
      }
    }
  }

  @Test("A disk without a table has none", arguments: ["true", "mkfs.fat", "mke2fs -q -F", "mkswap -q"])
  func none(_ command: String) throws {
    try withScratch { scratch in
      let disk = TestDisk(path: try makeSparseFile(scratch("disk"), size: 64 << 20))
      try shell("PATH=$PATH:/sbin:/usr/sbin; \(command) '\(disk.path)' >/dev/null")
      #expect(try disk.read() == nil)
    }
  }

  @Test("What is left of a table at the end of a disk is not one")
  func onlyTheEnd() throws {
    try withScratch { scratch in
      let disk = try TestDisk("label: gpt\n1: type=linux\n", in: scratch)
      try disk.write([UInt8](repeating: 0, count: 1 << 20), at: 0)
      #expect(try disk.read() == nil)
    }
  }

  @Test("A disk whose sectors have 4096 bytes", .enabled(if: isRoot, "needs root")) func largeSectors() throws {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 4 << 30)
      _ = try withLoopDevice(path, sectorSize: 4096) { device in
        try shell("printf 'label: gpt\\n1: size=1GiB\\n2: size=1GiB name=last\\n' | /sbin/sfdisk --quiet '\(device)'")
      }
      let gpt = try #require(try TestDisk(path: path).gpt(sectorSize: nil))
      #expect(gpt.sectorSize == 4096)
      try TestDisk(path: path).resize(to: 5 << 30)
      let grown = try gpt.moved(to: 5 << 30, called: "disk").growing(2)
      try TestDisk(path: path).write(grown.writes)
      let (problems, lines) = try judged(path)
      #expect(problems == nil)
      #expect(lines.map { $0.split(separator: " ")[2] } == ["262144", "1048064"])
    }
  }
}

@Suite("A new partition table") struct NewTableTests {
  @Test(
    "is sound, has the root filesystem up to the last MiB, and leaves the first free",
    arguments: [300 << 20, 10 << 30, 9000 << 30] as [UInt64])
  func bootable(size: UInt64) throws {
    try withScratch { scratch in
      let disk = TestDisk(path: try makeSparseFile(scratch("disk"), size: size))
      var gpt = try GPT.bootable("disk", size: size, sectorSize: 512, newUUID: UUID.random)
      gpt.bootSector.code = [UInt8](repeating: 0x90, count: 440)
      try disk.write(gpt.writes)
      #expect(try disk.problems() == nil)
      #expect(try disk.read() == FoundTable(table: .gpt(gpt)))
      let starts = try disk.listed().partitions.map { $0.split(separator: " ").prefix(4).joined(separator: " ") }
      #expect(
        starts == [
          "1 262144 \((size >> 9) - 2048 - 262144) 4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
          "14 2048 6144 21686148-6449-6e6f-744e-656564454649", "15 8192 253952 c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        ])
      #expect(try disk.bytes(at: 0, 440) == [UInt8](repeating: 0x90, count: 440))
    }
  }

  @Test("has only the partitions that its firmware needs") func firmware() throws {
    let size: UInt64 = 1 << 30
    func numbers(bios: Bool, uefi: Bool) throws -> [Int] {
      try GPT.bootable("disk", size: size, sectorSize: 512, bios: bios, uefi: uefi, newUUID: UUID.random)
        .partitions.map(\.number)
    }
    #expect(try numbers(bios: true, uefi: false) == [1, 14])
    #expect(try numbers(bios: false, uefi: true) == [1, 15])
  }

  @Test("is for sectors of 4096 bytes too", .enabled(if: isRoot, "needs root")) func largeSectors() throws {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 1 << 30)
      try TestDisk(path: path).write(
        GPT.bootable("disk", size: 1 << 30, sectorSize: 4096, newUUID: UUID.random).writes)
      let (problems, lines) = try judged(path)
      #expect(problems == nil)
      #expect(lines.first?.hasPrefix("1 32768 229120 ") == true)
    }
  }

  @Test("is refused on a disk that is too small") func tooSmall() {
    #expect {
      try GPT.bootable("disk", size: 128 << 20, sectorSize: 512, newUUID: UUID.random)
    } throws: {
      ($0 as? Failure)?.code == .device && "\($0)".contains("disk is too small for partition 1")
    }
    #expect(throws: Failure.self) {
      try GPT.bootable("disk", size: 4096, sectorSize: 512, newUUID: UUID.random)
    }
  }

  @Test("comes to a disk with its first sector last") func order() throws {
    let gpt = try GPT.bootable("disk", size: 1 << 30, sectorSize: 512, newUUID: UUID.random)
    #expect(gpt.writes.map(\.offset) == [(1 << 30) - 33 * 512, (1 << 30) - 512, 1024, 512, 0])
    #expect(gpt.writes.last?.bytes.count == 512)
  }
}

/// What the tools find on a disk whose sectors have 4096 bytes.
private func judged(_ path: String) throws -> (problems: String?, partitions: [String]) {
  try withLoopDevice(path, sectorSize: 4096) { device in
    let disk = TestDisk(path: device)
    return (try disk.problems(), try disk.listed().partitions)
  }
}
