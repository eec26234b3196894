// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Storage
import TestSupport
import Testing

@testable import Report

@Suite("A region of a disk")
struct RegionTests {
  @Test("It reaches from its offset to the end of the disk, and is named by what it is in")
  func range() throws {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 8 << 20)
      let disk = try Disk(path, for: .writing)
      #expect(Region(disk).range == ByteRange(offset: 0, length: 8 << 20))
      let behind = Region(disk, from: 3 << 20, called: "the guest")
      #expect(behind.range == ByteRange(offset: 3 << 20, length: 5 << 20))
      #expect((behind.name, Region(disk).name) == ("the guest", path))
      #expect(Region(disk, from: 9 << 20).range.length == 0, "nothing is behind the end")
      let file = try Region(of: Descriptor(path, O_RDONLY), from: 1 << 20)
      #expect(file.range == ByteRange(offset: 1 << 20, length: 7 << 20))
      #expect(file.name == path)
    }
  }

  @Test("That of the root filesystem is the whole disk, as long as no table was found")
  func root() throws {
    try withScratch { scratch in
      let disk = try Disk(makeSparseFile(scratch("disk"), size: 8 << 20), for: .writing)
      #expect(disk.layout.table == .none)
      #expect(disk.layout.partitions.map(\.range) == [ByteRange(offset: 0, length: 8 << 20)])
      #expect(Region(rootOf: disk).range == disk.layout.root)
    }
  }

  @Test("It holds its disk open and locked, for as long as it lives")
  func holds() throws {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 1 << 20)
      var region: Region? = Region(try Disk(path, for: .writing))
      #expect(throws: Failure.self) { _ = try Disk(path, for: .writing) }
      try region?.view.writeAll(Array("here".utf8), at: 0)
      region = nil
      _ = try Disk(path, for: .writing)
      #expect(try readFile(path).prefix(4) == Array("here".utf8)[...])
    }
  }
}

@Suite("Bytes that are withheld")
struct WithheldTests {
  @Test("What is taken out of bytes leaves zeros there, and is written by the commit, from the start of the region")
  func commit() throws {
    try withScratch { scratch in
      let disk = try Disk(makeSparseFile(scratch("disk"), size: 1 << 20), for: .writing)
      let region = Region(disk, from: 4096)
      var withheld = Withheld()
      var bytes = (0..<256).map { UInt8($0) }
      let isTaken = bytes.withUnsafeMutableBytes { withheld.take(100..<110, outOf: $0, at: 0) }
      #expect(isTaken)
      #expect(bytes[100..<110].allSatisfy { $0 == 0 } && bytes[99] == 99 && bytes[110] == 110)
      #expect(withheld.bytes(in: 100..<110) == (100..<110).map { UInt8($0) })
      #expect(withheld.bytes(in: 100..<109) == nil)
      try region.view.writeAll(bytes, at: region.range.offset)
      #expect(try disk.descriptor.bytes(at: 4096 + 100, count: 10) == [UInt8](repeating: 0, count: 10))
      try withheld.commit(to: region)
      #expect(try disk.descriptor.bytes(at: 4096, count: 256) == (0..<256).map { UInt8($0) })
    }
  }

  @Test("A range that is only in part among the bytes is left there", arguments: [0, 101, 250] as [UInt64])
  func partly(_ offset: UInt64) {
    var withheld = Withheld()
    var bytes = [UInt8](repeating: 7, count: 105)
    let isTaken = bytes.withUnsafeMutableBytes { withheld.take(100..<110, outOf: $0, at: offset) }
    #expect(!isTaken)
    #expect(bytes == [UInt8](repeating: 7, count: 105))
    #expect(withheld.bytes(in: 100..<110) == nil)
  }

  @Test("What is held twice is written in that order")
  func order() throws {
    try withScratch { scratch in
      let disk = try Disk(makeSparseFile(scratch("disk"), size: 1 << 20), for: .writing)
      var withheld = Withheld()
      withheld.hold([1, 2, 3], at: 10)
      withheld.hold([9], at: 11)
      try withheld.commit(to: Region(disk))
      #expect(try disk.descriptor.bytes(at: 9, count: 5) == [0, 1, 9, 3, 0])
    }
  }
}
