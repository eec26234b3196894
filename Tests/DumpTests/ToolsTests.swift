// SPDX-License-Identifier: Apache-2.0
import Digest
import Dump
import Glibc
import Report
import Testing

/// A folder of its own for one test, gone when the test has ended.
final class Scratch {
  let path: String

  init() throws {
    var template = Array("/tmp/guestsmith-dump-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw Failure(.io, "mkdtemp: errno \(errno)") }
    path = String(cString: made)
  }

  deinit {
    system("rm -rf '\(path)'")
  }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = try #require(fopen("\(path)/\(name)", "w"))
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    #expect(fclose(file) == 0)
  }

  func read(_ name: String) throws -> [UInt8] {
    let file = try #require(fopen("\(path)/\(name)", "r"), "\(name) is missing")
    defer { fclose(file) }
    return readAll(file)
  }

  /// What a shell command in the folder prints, standard error with it; fails the test unless it succeeds.
  @discardableResult
  func shell(_ command: String) throws -> String {
    let pipe = try #require(popen("cd '\(path)' && { \(command); } 2>&1", "r"))
    let output = String(decoding: readAll(pipe), as: UTF8.self)
    #expect(pclose(pipe) == 0, "\(command): \(output)")
    return output
  }

  private func readAll(_ file: UnsafeMutablePointer<FILE>) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 {
      bytes += chunk[..<count]
    }
    return bytes
  }
}

func has(_ tool: String) -> Bool {
  system("command -v \(tool) >/dev/null 2>&1") == 0
}

@Suite("Other programs read a dump")
struct ToolsTests {
  @Test("zstd and GNU tar restore the disk, holes and all", .enabled(if: has("zstd")), arguments: RoundTripTests.disks)
  func gnuTar(_ disk: Disk) throws {
    let scratch = try Scratch()
    try scratch.write("dump", try disk.dump())
    try scratch.shell("zstd -dc dump | tar -xS")
    let isSame = try scratch.read("disk.raw") == disk.bytes
    #expect(isSame)
    try scratch.shell("zstd -dc dump | tar -xSO disk.raw >piped && cmp disk.raw piped")
    let manifest = try scratch.read("manifest.json")
    #expect(try manifest == Array(disk.manifest.json.utf8))
    #expect(try scratch.shell("tar -tf dump --zstd") == "manifest.json\ndisk.raw\ntrailer.json\n")
    #expect(try scratch.shell("stat -c %s disk.raw") == "\(disk.bytes.count)\n")
  }

  @Test("The holes of a disk stay holes", .enabled(if: has("zstd")))
  func holes() throws {
    let disk = Disk("sparse", size: 48 << 20, extents: [ByteRange(offset: 40 << 20, length: 4096)]) { _ in 1 }
    let scratch = try Scratch()
    try scratch.write("dump", try disk.dump())
    let blocks = try scratch.shell("zstd -dc dump | tar -xS && stat -c %b disk.raw").dropLast()
    #expect((Int(blocks) ?? .max) < 1000, "\(blocks) blocks of 512 bytes")
  }

  @Test("bsdtar restores the disk", .enabled(if: has("bsdtar")), arguments: RoundTripTests.disks)
  func bsdTar(_ disk: Disk) throws {
    let scratch = try Scratch()
    try scratch.write("dump", try disk.dump())
    try scratch.shell("bsdtar -xf dump")
    let isSame = try scratch.read("disk.raw") == disk.bytes
    #expect(isSame)
  }

  @Test("A dump that zstd decompressed is the plain dump, and is read as one", .enabled(if: has("zstd")))
  func decompressed() throws {
    let disk = RoundTripTests.disks[6]
    let scratch = try Scratch()
    try scratch.write("dump", try disk.dump())
    try scratch.shell("zstd -qd dump -o dump.tar && zstd -qt dump")
    let plain = try scratch.read("dump.tar")
    let isPlain = try plain == disk.dump(.none)
    #expect(isPlain)
    let isSame = try restore(plain) == disk.bytes
    #expect(isSame)
  }

  @Test("The trailer's digest is that of sha256sum over as many bytes", .enabled(if: has("zstd")))
  func digest() throws {
    let scratch = try Scratch()
    try scratch.write("dump", try RoundTripTests.disks[6].dump())
    let output = try scratch.shell(
      """
      zstd -dc dump | tar -xO trailer.json >t; n=$(sed -n 's/.*"bytes": \\([0-9]*\\),/\\1/p' t)
      zstd -dc dump | head -c $n | sha256sum | cut -d' ' -f1; sed -n 's/.*"sha256": "\\(.*\\)"/\\1/p' t
      """)
    let lines = output.split(separator: "\n")
    #expect(lines.count == 2 && lines[0] == lines[1] && lines[0].count == 64, "\(output)")
  }

  @Test("zstd counts the frames as the seek table does", .enabled(if: has("zstd")))
  func frames() throws {
    let dump = try RoundTripTests.disks[6].dump()
    let scratch = try Scratch()
    try scratch.write("dump.zst", dump)
    let fields = try scratch.shell("zstd -lv dump.zst")
    let entries = Int(dump[(dump.count - 9)...].prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
    #expect(fields.contains("# Zstandard Frames: \(entries - 1)\n"), "\(fields)")
    #expect(fields.contains("# Skippable Frames: 2\n"), "\(fields)")
    #expect(fields.contains("Check: XXH64"), "\(fields)")
  }

  @Test("Every frame of the seek table is one that zstd decompresses by itself", .enabled(if: has("zstd")))
  func seekTable() throws {
    let disk = RoundTripTests.disks[7]
    let dump = try disk.dump()
    let plain = try disk.dump(.none)
    func number(_ offset: Int) -> Int { dump[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) } }
    #expect(number(dump.count - 4) == 0x8F92_EAB1)
    #expect(dump[dump.count - 5] == 0, "no checksums in the table")
    let count = number(dump.count - 9)
    let table = dump.count - 9 - 8 * count
    #expect(number(table - 8) == 0x184D_2A5E && number(table - 4) == 8 * count + 9)
    let scratch = try Scratch()
    var stored = 0
    var content = 0
    for entry in 0..<count {
      let length = (number(table + 8 * entry), number(table + 8 * entry + 4))
      try scratch.write("frame", Array(dump[stored..<stored + length.0]))
      try scratch.shell("zstd -qdc frame >content")
      let isSame = try scratch.read("content") == Array(plain[content..<content + length.1])
      #expect(isSame, "frame \(entry)")
      stored += length.0
      content += length.1
    }
    #expect(stored == table - 8 && content == plain.count)
  }

  @Test("A member of more than 8 GiB and a disk of 16 TiB are listed with their sizes", .enabled(if: has("zstd")))
  func large() throws {
    // Only the head is made here: what follows is never read by a listing of the first two members.
    let size: UInt64 = 16 << 40
    let extents = (0..<12).map { ByteRange(offset: $0 << 40, length: 1 << 30) }
    let map = try ExtentMap(diskSize: size, extents)
    let manifest = Manifest(
      program: "guestsmith 0.0", created: 1, instance: "web1.example.org", os: "debian", variant: nil,
      selection: .allBlocks, filesystems: [], extents: map)
    var dump: [UInt8] = []
    _ = try? DumpWriter(manifest, map, compression: .none, workers: 1).write(
      read: { _, buffer in buffer.initializeMemory(as: UInt8.self, repeating: 0) },
      sink: { bytes throws(Failure) in
        dump += bytes
        if dump.count > 4 << 20 { throw Failure(.io, "enough") }
      })
    let scratch = try Scratch()
    try scratch.write("dump.tar", dump)
    #expect(try scratch.shell("tar -tvf dump.tar 2>/dev/null || true").contains(" \(size) "))
    let index = try DumpReader(source: Stream(dump).read)
    #expect(index.manifest.diskSize == size && Array(index.extents) == extents)
  }
}
