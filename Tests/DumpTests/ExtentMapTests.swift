// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Dump

@Suite("The extents of a disk")
struct ExtentMapTests {
  private let sector: UInt64 = 512

  @Test("come back as they went in, neighbours joined")
  func order() throws {
    let map = try ExtentMap(
      diskSize: 1 << 44,
      [
        ByteRange(offset: 0, length: 512), ByteRange(offset: 512, length: 1024),
        ByteRange(offset: 1 << 43, length: 1 << 42),
        ByteRange(offset: (1 << 44) - 512, length: 512),
      ])
    #expect(
      Array(map) == [
        ByteRange(offset: 0, length: 1536), ByteRange(offset: 1 << 43, length: 1 << 42),
        ByteRange(offset: (1 << 44) - 512, length: 512),
      ])
    #expect(map.count == 3 && map.used == 2048 + 1 << 42)
  }

  @Test(
    "are refused where they are not a run of sectors behind the last one",
    arguments: [
      ByteRange(offset: 100, length: 512), ByteRange(offset: 8192, length: 100), ByteRange(offset: 8192, length: 0),
      ByteRange(offset: 512, length: 512), ByteRange(offset: 1 << 20, length: 512),
      ByteRange(offset: 8192, length: .max - 511),
      ByteRange(offset: .max - 511, length: 512),
    ])
  func refused(_ extent: ByteRange) throws {
    var map = try ExtentMap(diskSize: 1 << 20, [ByteRange(offset: 0, length: 4096)])
    let before = Array(map)
    #expect(throws: Failure.self) { try map.append(extent) }
    #expect(Array(map) == before)
  }

  @Test("are found by an offset, with the place of their data")
  func near() throws {
    var random = SplitMix(state: 3)
    var map = ExtentMap(diskSize: 1 << 30)
    var offset: UInt64 = 0
    for _ in 0..<2000 {
      let extent = ByteRange(
        offset: offset + sector * .random(in: 1...300, using: &random),
        length: sector * .random(in: 1...300, using: &random))
      try map.append(extent)
      offset = extent.end
    }
    for _ in 0..<300 {
      let wanted = UInt64.random(in: 0..<1 << 30, using: &random)
      let slow = map.reduce(into: (data: UInt64(0), first: ByteRange?.none, place: UInt64(0))) { found, extent in
        if extent.end > wanted, found.first == nil {
          found.first = extent
          found.place = found.data
        }
        found.data += extent.length
      }
      var near = map.near(wanted)
      var place = near.data
      var found = near.next()
      var steps = 0
      while let extent = found, extent.end <= wanted {
        place = near.data
        found = near.next()
        steps += 1
      }
      #expect(found == slow.first && steps <= 129)
      #expect(found == nil || place == slow.place)
    }
  }

  @Test("are bounded in number: the smallest gaps become part of the dump, and nothing is lost")
  func bounded() throws {
    var map = ExtentMap(diskSize: 1 << 40, limit: 100)
    var all: [ByteRange] = []
    var offset: UInt64 = 0
    for number in 0..<5000 as Range<UInt64> {
      // Every hundredth gap is large.
      offset += number % 100 == 0 ? 64 << 20 : 4096 * (1 + number % 3)
      all.append(ByteRange(offset: offset, length: 8192))
      offset += 8192
      try map.append(all[all.count - 1])
    }
    #expect((10...100).contains(map.count))
    let kept = Array(map)
    for extent in all {
      #expect(kept.contains { $0.offset <= extent.offset && extent.end <= $0.end })
    }
    #expect(map.used < 5000 * (8192 + 3 * 4096))
    #expect(kept.reduce(0) { $0 + $1.length } == map.used)
  }

  @Test("take a few bytes each")
  func memory() throws {
    var map = ExtentMap(diskSize: 1 << 40)
    for number in 0..<200_000 as Range<UInt64> {
      try map.append(ByteRange(offset: number * 65536, length: 4096))
    }
    #expect(map.count == 200_000)
    #expect(map.textLength > 200_000 * 10)
  }

  @Test(
    "A sparse map that no writer writes is refused",
    arguments: [
      "", "1", "1\n", "1\n0\n", "1\n0\n512", "0\n", "1\n8192\n0\n0\n", "2\n0\n512\n512\n512\n", "1\n0\n0512\n",
      "1\n00\n512\n", "1\n0\n513\n8192\n0\n", "2\n0\n512\n8192\n0", "3\n0\n512\n8192\n0\n8192\n0\n",
      "1\n0\n512\n", "2\n8192\n0\n0\n512\n", "a\n", "-1\n", "2\n0 512\n8192\n0\n", "2\n\n0\n512\n8192\n0\n",
      "2\n0\n99999999999999999999999\n8192\n0\n", "99999999\n", "2\n0\n16384\n8192\n0\n", "2\n512\n512\n0\n512\n",
      "1\n4096\n0\n",
    ])
  func mapText(_ text: String) {
    #expect(throws: Failure.self) {
      var parser = SparseMapParser(diskSize: 8192)
      try parser.consume(Array(text.utf8))
      _ = try parser.finish()
    }
  }

  @Test("A sparse map reads back as it is written", arguments: RoundTripTests.disks)
  func mapRoundTrip(_ disk: Disk) throws {
    let map = try disk.map
    var parser = SparseMapParser(diskSize: map.diskSize)
    var length: UInt64 = 0
    for line in SparseMapText(map) {
      try parser.consume(line)
      length += UInt64(line.count)
    }
    #expect(length == map.textLength)
    #expect(Array(try parser.finish()) == disk.extents)
  }
}
