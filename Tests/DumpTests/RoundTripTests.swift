// SPDX-License-Identifier: Apache-2.0
import Dump
import Report
import Testing

@Suite("A dump restores to the disk it was made of")
struct RoundTripTests {
  static let disks: [Disk] = [
    Disk("empty", size: 1 << 20, extents: []) { _ in 0 },
    Disk("one sector", size: 512, extents: [ByteRange(offset: 0, length: 512)]) { UInt8($0 & 255) },
    Disk("zeros", size: 3 << 20, extents: [ByteRange(offset: 0, length: 3 << 20)]) { _ in 0 },
    Disk("a byte behind the last sector", size: 4097, extents: [ByteRange(offset: 4096, length: 1)]) { _ in 7 },
    Disk("no whole sectors, with a hole at the end", size: 1001, extents: []) { _ in 0 },
    Disk("exactly one frame", size: 3 << 20, extents: [ByteRange(offset: 1 << 20, length: 2 << 20)]) { UInt8($0 & 63) },
    .random("a few extents", size: 9 << 20, extents: 11),
    .random("many extents", size: 7 << 20, extents: 5000),
  ]

  @Test("compressed, with any number of workers", arguments: disks)
  func compressed(_ disk: Disk) throws {
    for workers in [1, 2, 7] {
      let isSame = try restore(try disk.dump(workers: workers), workers: workers) == disk.bytes
      #expect(isSame, "\(workers) workers")
    }
  }

  @Test("as a plain tar", arguments: disks)
  func plain(_ disk: Disk) throws {
    let isSame = try restore(try disk.dump(.none)) == disk.bytes
    #expect(isSame)
  }

  @Test("from a source that gives one byte at a time")
  func slowly() throws {
    let disk = Disk.random("small", size: 100_000, extents: 9)
    for compression in [DumpWriter.Compression.zstd(level: 1), .none] {
      let isSame = try restore(try disk.dump(compression), step: 1) == disk.bytes
      #expect(isSame)
    }
  }

  @Test("The same disk gives the same dump, whatever the number of workers")
  func deterministic() throws {
    let disk = Disk.random("a few extents", size: 9 << 20, extents: 40)
    let isSame = try disk.dump(workers: 1) == disk.dump(workers: 5)
    #expect(isSame)
  }

  @Test("Every level of compression can be read again")
  func levels() throws {
    let disk = Disk.random("small", size: 300_000, extents: 9)
    for level in [1, 3, 9, 19] {
      let isSame = try restore(try disk.dump(.zstd(level: level))) == disk.bytes
      #expect(isSame, "level \(level)")
    }
    #expect(throws: Failure.self) { try disk.dump(.zstd(level: 0)) }
    #expect(throws: Failure.self) { try disk.dump(.zstd(level: 20)) }
  }

  @Test("The manifest and the extents come before any data")
  func manifestFirst() throws {
    let disk = Disk.random("small", size: 1 << 20, extents: 6)
    let reader = try DumpReader(source: Stream(try disk.dump()).read)
    #expect(try reader.manifest == disk.manifest)
    #expect(Array(reader.extents) == disk.extents)
  }

  @Test("Progress ends at the bytes that are used")
  func progress() throws {
    let disk = Disk.random("a few extents", size: 16 << 20, extents: 20)
    let used = disk.extents.reduce(0) { $0 + $1.length }
    var dump: [UInt8] = []
    var told: [UInt64] = []
    let writer = try DumpWriter(try disk.manifest, try disk.map, compression: .zstd(level: 1), workers: 2)
    _ = try writer.write(read: disk.read, sink: { dump += $0 }, progress: { told.append($0) })
    #expect(told.count > 2 && told == told.sorted() && told.last == used)
    told = []
    _ = try DumpReader(source: Stream(dump).read).read(
      workers: 2, progress: { told.append($0) }, extent: { _, _ in })
    #expect(told.count > 2 && told == told.sorted() && told.last == used)
  }
}
