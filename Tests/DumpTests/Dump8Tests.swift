// SPDX-License-Identifier: Apache-2.0
import Glibc
import Report
import Sources
import Testing

@testable import Dump

@Suite("Streams of dump(8)")
struct Dump8Tests {
  /// What the reader makes of a stream: each file with its content and attributes, folders with their names.
  private struct Contents: Equatable {
    var files: [UInt32: [UInt8]] = [:]
    var folders: [UInt32: [ByteString]] = [:]
    var attributes: [UInt32: [ByteString]] = [:]
  }

  private func read(_ stream: [UInt8], step: Int = .max) throws(Failure) -> Contents {
    let input = Stream(stream, step: step)
    let reader = try Dump8Reader("the stream") { buffer throws(Failure) in input.read(buffer) }
    var contents = Contents()
    while let node = try reader.next() {
      if node.kind == .directory {
        contents.folders[node.inode] = try reader.names().map(\.name)
      } else if node.size < 64 << 20 {
        contents.files[node.inode] = try reader.content(limit: 64 << 20)
      }
      let attributes = try reader.attributes()
      if !attributes.isEmpty { contents.attributes[node.inode] = attributes.map(\.name) }
    }
    return contents
  }

  /// A stream that dump(8) wrote of a small filesystem with a bit of everything.
  private func make(in scratch: Scratch) throws -> [UInt8] {
    try scratch.shell(
      """
      mkdir -p tree/folder/inner tree/many; cd tree; echo hello > file; ln file folder/hard; ln -s target link
      ln -s $(printf 'x%.0s' $(seq 200)) long; head -c 600000 /dev/urandom > random; truncate -s 2M hole; echo end >> hole
      setfattr -n user.colour -v blue file; setfacl -m u:5:r file; : > empty
      for i in $(seq 100); do : > many/with-a-name-that-fills-blocks-$i; done
      cd ..; mke2fs -q -F -t ext4 -d tree disk 16M
      device=$(losetup --find --show --read-only disk); dump -0 -q -f stream $device 2>/dev/null; losetup -d $device
      """)
    return try scratch.read("stream")
  }

  private static let canRun = geteuid() == 0 && has("dump")

  @Test("are read to their end, in pieces of any size", .enabled(if: canRun, "needs root and dump"))
  func whole() throws {
    let scratch = try Scratch()
    let stream = try make(in: scratch)
    #expect(StreamKind(prefix: Array(stream.prefix(StreamKind.prefixLength))) == .dump8)
    let contents = try read(stream)
    #expect(
      contents.folders[2]?.sorted() == [
        "empty", "file", "folder", "hole", "link", "long", "lost+found", "many", "random",
      ])
    #expect(contents.files.values.contains(Array("hello\n".utf8)))
    #expect(contents.files.values.contains(try scratch.read("tree/random")))
    #expect(contents.files.values.contains([UInt8](repeating: 0, count: 2 << 20) + Array("end\n".utf8)))
    #expect(contents.files.values.contains(Array("target".utf8)))
    #expect(contents.attributes.values.contains { Set($0) == ["user.colour", "system.posix_acl_access"] })
    #expect(try read(stream, step: 777) == contents)
  }

  @Test(
    "cut off at any record are refused, and damage never ends the program", .enabled(if: canRun, "needs root and dump"))
  func damaged() throws {
    let stream = try make(in: try Scratch())
    // Behind the first record of the end there are more of them, which only fill the last block.
    let end = stream.count - 20 * 1024
    for length in stride(from: 0, to: end, by: 1024) {
      #expect(throws: Failure.self, "cut at \(length)") { try read(Array(stream[..<length])) }
    }
    let seed = UInt64.random(in: 0...(.max))
    var random = SplitMix(state: seed)
    for _ in 0..<300 {
      var copy = stream
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        // Mostly the headers of the folders and files, which are at the beginning.
        let place = Int.random(in: 0..<min(copy.count, 60 << 10), using: &random)
        copy[place] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? read(copy)
    }
  }

  @Test(
    "A table of blocks is taken in its old form and in its newer one",
    arguments: [
      ([1, 1, 0, 1] as [UInt8], [(2, true), (1, false), (1, true)]), ([], []), ([0x09], [(5, true)]),
      ([0x81, 0x00], [(65, true)]), ([0x80, 0x02], [(193, false)]), ([0xFF, 0x01, 0x00], [(192, true), (1, false)]),
    ])
  func runs(table: [UInt8], expected: [(Int, Bool)]) throws {
    let made = try #require(header(table: table))
    let runs = try #require(made.runs)
    #expect(runs.map(\.records) == expected.map(\.0))
    #expect(runs.map(\.isData) == expected.map(\.1))
  }

  @Test("A table that ends within an entry, or is longer than a header, is refused")
  func wrongRuns() throws {
    #expect(header(table: [0x81])?.runs == nil)
    #expect(header(table: [], count: 513)?.runs == nil)
  }

  private func header(table: [UInt8], count: UInt32? = nil) -> Dump8Header? {
    var bytes = [UInt8](repeating: 0, count: Dump8Header.length)
    func put(_ value: UInt32, at offset: Int) {
      for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))) }
    }
    put(2, at: 0)
    put(Dump8Header.magic, at: 24)
    put(count ?? UInt32(table.count), at: 160)
    bytes.replaceSubrange(164..<164 + table.count, with: table)
    let sum = stride(from: 0, to: bytes.count, by: 4).reduce(UInt32(0)) { sum, offset in
      sum &+ bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
    put(Dump8Header.checksum &- sum, at: 28)
    return Dump8Header(bytes)
  }
}
