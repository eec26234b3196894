// SPDX-License-Identifier: Apache-2.0
import Dump
import Report
import Testing

extension DumpIndex {
  /// Over a dump in memory.
  convenience init(_ dump: [UInt8]) throws(Failure) {
    try self.init(size: UInt64(dump.count)) { offset, buffer throws(Failure) in
      guard Int(offset) + buffer.count <= dump.count else { throw Failure(.io, "read behind the end") }
      buffer.copyBytes(from: dump[Int(offset)..<Int(offset) + buffer.count])
    }
  }

  /// What is on its disk.
  func bytes(at offset: Int, _ count: Int) throws -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { buffer.deallocate() }
    buffer.initializeMemory(as: UInt8.self, repeating: 0xEE)
    try read(at: UInt64(offset), into: buffer)
    return Array(buffer)
  }
}

@Suite("A stored dump is read at any offset")
struct IndexTests {
  @Test("in extents and holes, compressed and plain", arguments: [DumpWriter.Compression.zstd(level: 1), .none])
  func anywhere(_ form: DumpWriter.Compression) throws {
    var random = SplitMix(state: 5)
    for disk in RoundTripTests.disks {
      let dump = try disk.dump(form)
      let index = try DumpIndex(dump)
      #expect(try index.manifest == disk.manifest)
      #expect(Array(index.extents) == disk.extents)
      for _ in 0..<50 {
        let offset = Int.random(in: 0...disk.bytes.count, using: &random)
        let count = Int.random(in: 0...min(disk.bytes.count - offset, 50_000), using: &random)
        let isSame = try index.bytes(at: offset, count) == Array(disk.bytes[offset..<offset + count])
        #expect(isSame, "\(count) bytes at \(offset) of \(disk.testDescription)")
      }
      let whole = try index.bytes(at: 0, disk.bytes.count) == disk.bytes
      #expect(whole)
      #expect(throws: Failure.self) { try index.bytes(at: disk.bytes.count, 1) }
      #expect(throws: Failure.self) { try index.bytes(at: .max, 1) }
    }
  }

  @Test("without reading more of it than the table and the frames that are asked for")
  func little() throws {
    let disk = Disk.random("large", size: 24 << 20, extents: 3)
    let dump = try disk.dump(.zstd(level: 1))
    var asked = 0
    let index = try DumpIndex(size: UInt64(dump.count)) { offset, buffer in
      asked += buffer.count
      buffer.copyBytes(from: dump[Int(offset)..<Int(offset) + buffer.count])
    }
    _ = try index.bytes(at: Int(disk.extents[1].offset), 4096)
    _ = try index.bytes(at: Int(disk.extents[1].offset) + 4096, 4096)
    #expect(asked < dump.count / 2, "\(asked) of \(dump.count) bytes")
  }

  @Test("What the reader of the file says of its own is not taken for damage in the dump")
  func ownFailure() throws {
    let dump = try Disk.random("small", size: 1 << 20, extents: 3).dump(.none)
    let own = Failure(.dump, "the file became shorter")
    var calls = 0
    let failure = #expect(throws: Failure.self) {
      try DumpIndex(size: UInt64(dump.count)) { offset, buffer throws(Failure) in
        calls += 1
        // The first two read the manifest.
        guard calls < 3 else { throw own }
        buffer.copyBytes(from: dump[Int(offset)..<Int(offset) + buffer.count])
      }
    }
    #expect(failure == own)
  }

  @Test("A table of more frames than the manifest has is refused before it is read")
  func longTable() throws {
    let dump = try Disk.random("small", size: 4 << 20, extents: 3).dump(.zstd(level: 1))
    // As many entries as zstd takes: a GiB of them, of which the first is right.
    let count = 0x7FF_FFFF
    let length = UInt64(8 + 8 * count + 9)
    let size = UInt64(dump.count) + length
    let footer = withUnsafeBytes(of: UInt32(count).littleEndian) { Array($0) } + dump.suffix(5)
    let header = [0x5E, 0x2A, 0x4D, 0x18] + withUnsafeBytes(of: UInt32(length - 8).littleEndian) { Array($0) }
    let entry = firstEntry(of: dump)
    var asked = 0
    let failure = #expect(throws: Failure.self) {
      try DumpIndex(size: size) { offset, buffer in
        asked += buffer.count
        for index in 0..<min(buffer.count, 1 << 20) {
          let place = Int(offset) + index
          buffer[index] =
            place < dump.count
            ? dump[place]
            : place < dump.count + 8
              ? header[place - dump.count]
              : place < dump.count + 16
                ? entry[place - dump.count - 8]
                : UInt64(place) >= size - 9 ? footer[place - Int(size - 9)] : 0
        }
      }
    }
    #expect(failure?.message.contains("does not follow from the manifest") == true)
    #expect(asked < 1 << 20, "\(asked) bytes")
  }

  /// Of the seek table that the dump ends with.
  private func firstEntry(of dump: [UInt8]) -> [UInt8] {
    let count = dump.suffix(9).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    return Array(dump.suffix(9 + 8 * count).prefix(8))
  }

  @Test("A cut or longer one has no index", arguments: DamageTests.forms)
  func cut(_ form: DumpWriter.Compression) throws {
    let dump = try DamageTests.small.dump(form)
    for length in dump.indices {
      #expect(throws: Failure.self) { try DumpIndex(Array(dump[..<length])) }
    }
    #expect(throws: Failure.self) { try DumpIndex(dump + [0]) }
  }

  @Test("A damaged frame is noticed when it is read")
  func damaged() throws {
    let disk = DamageTests.small
    var dump = try disk.dump()
    for position in dump.indices {
      dump[position] ^= 0x10
      if let index = try? DumpIndex(dump), let all = try? index.bytes(at: 0, disk.bytes.count) {
        #expect(all == disk.bytes)
      }
      dump[position] ^= 0x10
    }
  }
}
