// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@testable import Layout

@Suite("One more small partition")
struct SmallPartitionTests {
  private let uuid = UUID(bytes: (1...16).map { UInt8($0) })

  private func added(to table: GPT) -> GPT? {
    table.addingSmallPartition(type: GPT.linux, uuid: uuid, attributes: 1 << 63, name: "cidata")
  }

  /// Adds it, judges the result, and gives its number, start and length in sectors.
  private func place(on disk: TestDisk) throws -> [Int]? {
    let table = try #require(try disk.gpt())
    guard let changed = added(to: table) else { return nil }
    try disk.write(PartitionTable.gpt(changed).writes)
    #expect(try disk.problems() == nil)
    #expect(try disk.gpt() == changed)
    for partition in table.partitions { #expect(changed.partitions.contains(partition)) }
    let own = try #require(changed.partitions.first { $0.uuid == uuid })
    let line = try #require(try disk.listed().partitions.first { $0.hasSuffix("\(uuid) cidata") })
    let numbers = line.split(separator: " ").prefix(3).compactMap { Int($0) }
    #expect(numbers == [own.number, Int(own.first), Int(own.last - own.first + 1)])
    return numbers
  }

  @Test(
    "It lies before all others on the disks of distributions, and they grow as before",
    arguments: DistributionLayout.all.filter(\.isGPT))
  func gap(_ layout: DistributionLayout) throws {
    try withScratch { scratch in
      let disk = try TestDisk(layout.script, in: scratch)
      let numbers = try #require(try place(on: disk))
      #expect(numbers[1...] == [64, 1984])
      try disk.resize(to: 8 << 30)
      let grown = try #require(try disk.gpt()).moved(to: 8 << 30, called: "disk").growing(layout.root)
      #expect(grown.partitions.first { $0.number == layout.root }?.last ?? 0 > 7 << 21)
      try disk.write(PartitionTable.gpt(grown).writes)
      #expect(try disk.problems() == nil)
    }
  }

  private static let linux = "type=0FC63DAF-8483-4772-8E79-3D69D8477DE4"
  /// Scripts of sfdisk, and number, start and length of what is added.
  static let layouts: [(String, [Int]?)] = [
    ("label: gpt\nfirst-lba: 34\n1: start=1024 size=1024 \(linux)\n2: start=2048 \(linux)\n", [3, 64, 960]),
    ("label: gpt\nfirst-lba: 34\n1: start=40 size=4056 \(linux)\n2: start=6144 \(linux)\n", [3, 4096, 1984]),
    ("label: gpt\nfirst-lba: 34\n1: start=40 size=4000 \(linux)\n3: start=4700 \(linux)\n", [2, 4096, 604]),
    ("label: gpt\nfirst-lba: 34\n1: start=40 size=4000 \(linux)\n2: start=4400 \(linux)\n", nil),
    ("label: gpt\nfirst-lba: 34\n1: start=40 size=4000 \(linux)\n", nil), ("label: gpt\n", nil),
    ("label: gpt\ntable-length: 4\n2: start=2048 size=2048 \(linux)\n4: \(linux)\n", [1, 64, 1984]),
    (
      "label: gpt\ntable-length: 4\n1: start=2048 size=2048 \(linux)\n2: size=2048 \(linux)\n3: size=2048 \(linux)\n"
        + "4: \(linux)\n", nil
    ),
  ]

  @Test("It takes the first room of 256 KiB that no partition grows into", arguments: layouts)
  func holes(_ layout: (script: String, place: [Int]?)) throws {
    try withScratch { scratch in
      let disk = try TestDisk(layout.script, in: scratch)
      let place = try place(on: disk)
      #expect(place == layout.place)
    }
  }

  @Test("It stays clear of what a hybrid MBR says") func hybrid() throws {
    try withScratch { scratch in
      let disk = try TestDisk("label: gpt\n1: start=2048 size=8192 \(Self.linux)\n2: \(Self.linux)\n", in: scratch)
      var table = try #require(try disk.gpt())
      table.bootSector[1] = BootSector.Entry(type: 0x83, start: 100, length: 200)
      #expect(added(to: table)?.partitions.first { $0.uuid == uuid }?.first == 320)
    }
  }

  @Test("In sectors of 4096 bytes it has the same place") func large() throws {
    let table = try GPT.bootable(
      "disk", size: 1 << 30, sectorSize: 4096, newUUID: { .random() })
    let own = try #require(added(to: table)?.partitions.first { $0.uuid == uuid })
    #expect([own.first, own.last] == [8, 255])
  }
}
