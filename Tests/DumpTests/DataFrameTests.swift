// SPDX-License-Identifier: Apache-2.0
import Report
import Testing

@testable import Dump

@Suite("Frames are those of windows of the disk")
struct DataFrameTests {
  private static let window = 256 << 10

  /// What is stored of each frame with content, and how long that is.
  private func frames(_ dump: [UInt8]) -> [(stored: [UInt8], content: Int)] {
    func number(_ place: Int) -> Int { dump[place..<place + 4].reversed().reduce(0) { $0 << 8 | Int($1) } }
    let count = number(dump.count - 9)
    var (start, frames) = (0, [(stored: [UInt8], content: Int)]())
    for entry in 0..<count - 1 {
      let place = dump.count - 9 - 8 * (count - entry)
      let length = number(place)
      frames.append((Array(dump[start..<start + length]), number(place + 4)))
      start += length
    }
    return frames
  }

  private func data(_ dump: [UInt8]) -> [(stored: [UInt8], content: Int)] {
    // The manifest and the sparse map are one frame each here.
    Array(frames(dump).dropFirst(2).dropLast())
  }

  @Test("each holds what is held of one window, and a window of which nothing is held has none")
  func windows() throws {
    let extents = [
      ByteRange(offset: 0, length: 1024), ByteRange(offset: 4096, length: 512),
      ByteRange(offset: UInt64(3 * Self.window) - 512, length: 1024),
      ByteRange(offset: UInt64(5 * Self.window), length: UInt64(2 * Self.window)),
    ]
    let disk = Disk("windows", size: 12 * Self.window + 100, extents: extents) { UInt8($0 & 7) }
    #expect(data(try disk.dump()).map(\.content) == [1536, 512, 512, Self.window, Self.window])
    #expect(try disk.manifest.dataFrames == 5)
    var odd = disk
    odd.extents.append(ByteRange(offset: UInt64(12 * Self.window), length: 100))
    // What fills the tar's last block is in the last frame.
    #expect(data(try odd.dump()).map(\.content) == [1536, 512, 512, Self.window, Self.window, 512])
  }

  @Test("what changes in one window changes its frame and no other one, also where blocks come and go")
  func oneWindow() throws {
    let disk = Disk.random("a day before", size: 40 * Self.window, extents: 60)
    let before = data(try disk.dump())
    var changed = disk
    let place = try #require(disk.extents.first { $0.offset > UInt64(10 * Self.window) })
    changed.bytes[Int(place.offset)] ^= 1
    let after = data(try changed.dump())
    #expect(after.count == before.count)
    #expect(zip(before, after).count { $0.stored != $1.stored } == 1)
    // A block that is not used any more, and one in a window that had none.
    var other = changed
    let gone = try #require(other.extents.firstIndex { $0.offset == place.offset })
    other.extents[gone] = ByteRange(offset: place.offset + 512, length: place.length - 512)
    let old = Set(after.map(\.stored))
    let fresh = data(try other.dump()).filter { !old.contains($0.stored) }
    #expect(fresh.count == 1, "\(fresh.map(\.content))")
    let alone = Disk("alone", size: 40 * Self.window, extents: [ByteRange(offset: 0, length: 9 << 20)]) {
      UInt8($0 >> 9 & 255)
    }
    var two = alone
    two.extents.append(ByteRange(offset: UInt64(39 * Self.window), length: 4096))
    let (first, second) = (data(try alone.dump()), data(try two.dump()))
    #expect(second.dropLast().elementsEqual(first) { $0.stored == $1.stored } && second.last?.content == 4096)
  }

  @Test("a frame is the same wherever in a dump, and whenever, it is written") func sameBytes() throws {
    let extents = [1, 7, 8].map { ByteRange(offset: UInt64($0 * Self.window), length: 100_352) }
    let disk = Disk("the same thrice", size: 10 * Self.window, extents: extents) { UInt8($0 % Self.window >> 9 & 255) }
    let frames = data(try disk.dump())
    #expect(frames.count == 3 && Set(frames.map(\.stored)).count == 1)
    var later = try disk.manifest
    later.created += 86400
    later.instance = "another.example.org"
    var dump: [UInt8] = []
    let writer = try DumpWriter(later, try disk.map, compression: .zstd(level: 1), workers: 3)
    _ = try writer.write(read: disk.read, sink: { dump += $0 })
    #expect(data(dump).map(\.stored) == frames.map(\.stored))
  }

  @Test("windows grow with the number of frames, so that the seek table stays small") func growing() throws {
    func size(_ extents: [ByteRange]) throws -> UInt64 {
      Manifest.windows(of: try ExtentMap(diskSize: 1 << 60, extents)).size
    }
    #expect(try size([]) == 256 << 10)
    #expect(try size([ByteRange(offset: 0, length: 512 << 30)]) == 256 << 10)
    #expect(try size([ByteRange(offset: 0, length: (512 << 30) + 512)]) == 512 << 10)
    // The last byte of each TiB: as few bytes as there are, and a frame for each.
    #expect(try size((1...1000).map { ByteRange(offset: $0 << 40 - 512, length: 512) }) == 256 << 10)
    #expect(try size([ByteRange(offset: 0, length: 1 << 50)]) == 8 << 20)
    let tooMany = try ExtentMap(diskSize: 1 << 60, [ByteRange(offset: 0, length: 1 << 51)])
    let manifest = Manifest(
      program: "", created: 0, instance: "", os: "", variant: nil, selection: .allBlocks, filesystems: [],
      extents: tooMany)
    #expect(throws: Failure.self) { try DumpWriter(manifest, tooMany, compression: .none, workers: 1) }
  }

  @Test("a manifest that tells of more or fewer frames than the extents make is refused")
  func wrongCount() throws {
    let disk = Disk.random("a few frames", size: 6 * Self.window, extents: 4)
    let plain = try disk.dump(.none)
    let count = try disk.manifest.dataFrames
    for wrong in [count - 1, count + 1, 0] {
      // A plain tar is believed up to its map.
      let text = Array("\"frames\": \(count)".utf8)
      let place = try #require(plain.indices.first { plain[$0...].starts(with: text) })
      var changed = plain
      changed.replaceSubrange(place..<place + text.count, with: Array("\"frames\": \(wrong)".utf8))
      let failure = #expect(throws: Failure.self) { try restore(changed) }
      #expect(
        failure?.message.contains("makes \(count) frames, the manifest says \(wrong)") == true,
        "\(failure?.message ?? "")")
      #expect(throws: Failure.self) { try DumpIndex(changed) }
    }
  }

  @Test("frames that are longer, shorter, in another order or missing are refused by every reader") func otherFrames()
    throws
  {
    let disk = Disk.random("of several frames", size: 12 * Self.window, extents: 9)
    let dump = try disk.dump()
    let all = frames(dump).map(\.stored)
    let tail = dump.suffix(dump.count - all.reduce(0) { $0 + $1.count })
    var tried = 0
    func expectRefused(_ frames: [[UInt8]]) throws {
      tried += 1
      let made = frames.flatMap { $0 } + tail
      #expect(throws: Failure.self) { try restore(made) }
      // The index believes no table that does not fit.
      guard made != dump, let index = try? DumpIndex(made) else { return }
      #expect(throws: Failure.self) { try index.bytes(at: 0, disk.bytes.count) }
    }
    for frame in 2..<all.count - 1 {
      var swapped = all
      swapped.swapAt(frame, frame == 2 ? 3 : 2)
      if swapped != all { try expectRefused(swapped) }
      try expectRefused(all.enumerated().filter { $0.offset != frame }.map(\.element))
      try expectRefused(Array(all[...frame] + all[frame...]))
    }
    #expect(tried > 20)
    // Frames of version 1 in a dump of version 2.
    let old = frames(try disk.dump(version: 1)).map(\.stored)
    try expectRefused(Array(all.prefix(2) + old.dropFirst(2)))
  }
}
