// SPDX-License-Identifier: Apache-2.0
import Dump
import Report
import Sources
import Testing

@Suite("What a stream is")
struct StreamKindTests {
  private func kind(_ bytes: some Sequence<UInt8>) -> StreamKind {
    StreamKind(prefix: Array(bytes.prefix(StreamKind.prefixLength)))
  }

  @Test("A dump is known as one, compressed and plain", arguments: DamageTests.forms)
  func dump(_ form: DumpWriter.Compression) throws {
    for disk in RoundTripTests.disks {
      #expect(kind(try disk.dump(form)) == .dump)
    }
  }

  @Test("A dump with any bit of its start flipped is never taken for a disk or another archive of a guest")
  func damaged() throws {
    for form in DamageTests.forms {
      var dump = try DamageTests.small.dump(form)
      for position in 0..<600 {
        for bit in 0..<8 as Range<UInt8> {
          dump[position] ^= 1 << bit
          let found = kind(dump)
          #expect([.dump, .zstd, .unknown].contains(found), "\(found) with bit \(bit) of byte \(position)")
          dump[position] ^= 1 << bit
        }
      }
    }
  }

  @Test("A flip that zstd passes over does not make a foreign stream of a dump", .enabled(if: has("zstd")))
  func harmless() throws {
    var dump = try DamageTests.small.dump()
    let scratch = try Scratch()
    // The unused bit of the first frame's descriptor.
    dump[4] ^= 0b0001_0000
    try scratch.write("dump", dump)
    try scratch.shell("zstd -qdc dump >plain")
    let isSame = try restore(try scratch.read("plain")) == DamageTests.small.bytes
    #expect(isSame, "zstd itself takes it")
    #expect(kind(dump) == .dump)
    #expect(throws: Failure.self) { try restore(dump) }
  }

  @Test(
    "What compressors and tar write is known",
    arguments: [
      ("gzip -c", StreamKind.gzip), ("xz -c", .xz), ("bzip2 -c", .bzip2), ("lz4 -c", .lz4), ("zstd -qc", .zstd),
      ("cat >f; tar -c f", .tar), ("cat >f; tar -c --format=v7 f", .tar), ("cat >f; bsdtar -cf - f", .tar),
    ])
  func tools(_ command: String, _ expected: StreamKind) throws {
    let tool = command.split(separator: " ").first { $0 != "cat" && $0 != ">f;" }.map(String.init) ?? ""
    guard has(tool) else { return }
    let scratch = try Scratch()
    try scratch.shell("echo hello | { \(command); } >out")
    #expect(kind(try scratch.read("out")) == expected)
    try scratch.shell("true | { \(command); } >out")
    #expect(kind(try scratch.read("out")) == expected, "of nothing")
  }

  @Test("A dump that other hands compressed again is a stream of zstd", .enabled(if: has("zstd")))
  func recompressed() throws {
    let scratch = try Scratch()
    try scratch.write("dump", try RoundTripTests.disks[6].dump())
    try scratch.shell("zstd -qdc dump | zstd -qc >again; zstd -qc dump >twice")
    #expect(kind(try scratch.read("again")) == .zstd)
    #expect(kind(try scratch.read("twice")) == .zstd)
  }

  @Test("Disks are known by what is on them")
  func disks() {
    func disk(_ signature: [UInt8], at offset: Int) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: StreamKind.prefixLength)
      bytes[0] = 1
      bytes.replaceSubrange(offset..<offset + signature.count, with: signature)
      return bytes
    }
    #expect(kind(disk([0x53, 0xEF], at: 1080)) == .ext)
    #expect(kind(disk([0x55, 0xAA], at: 510)) == .disk)
    #expect(kind(disk(Array("XFSB".utf8), at: 0)) == .disk)
    #expect(kind(disk(Array("_BHRfS_M".utf8), at: 65600)) == .disk)
    #expect(kind([UInt8](repeating: 0, count: 4096)) == .disk)
    #expect(kind(disk([], at: 0)) == .unknown)
    #expect(kind(disk([0x51, 0x46, 0x49, 0xFB], at: 0)) == .qcow2)
    #expect(kind([]) == .empty)
    #expect(kind([7]) == .unknown)
    #expect(kind("hello, world".utf8) == .unknown)
  }

  @Test("A partition table tells how long a disk is, and code or text in its place does not")
  func lengths() {
    func length(_ entries: [(place: Int, byte: UInt8)]) -> UInt64? {
      var bytes = [UInt8](repeating: 0, count: StreamKind.prefixLength)
      for (place, byte) in entries + [(510, 0x55), (511, 0xAA)] { bytes[place] = byte }
      return RawDisk.length(beginning: bytes)
    }
    #expect(length([(446, 0x80), (450, 0x83), (455, 8), (459, 16)]) == (2048 + 4096) * 512)
    #expect(length([(450, 0xEE), (454, 1)] + (458..<462).map { ($0, 0xFF) }) == nil)
    #expect(length((446..<510).map { ($0, UInt8(ascii: "A")) }) == nil)
    #expect(length([]) == nil)
  }

  @Test(
    "A superblock beside entries of partitions is an older filesystem's; beside the code of a boot loader it counts")
  func divided() {
    var disk = [UInt8](repeating: 0, count: StreamKind.prefixLength)
    disk.replaceSubrange(1080..<1082, with: [0x53, 0xEF])
    disk.replaceSubrange(510..<512, with: [0x55, 0xAA])
    #expect(kind(disk) == .ext)
    // Flags, a type, and sectors 2048 to 4095.
    disk.replaceSubrange(446..<462, with: [0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0])
    #expect(kind(disk) == .disk)
    disk[462] = 0x41
    #expect(kind(disk) == .ext)
    disk[462] = 0
    disk[450] = 0
    #expect(kind(disk) == .ext)
  }

  @Test("What mke2fs and mkswap make is known", .enabled(if: has("mke2fs") && has("mkswap")))
  func made() throws {
    let scratch = try Scratch()
    try scratch.shell("truncate -s 4M a b && mke2fs -q -t ext4 a && mkswap b >/dev/null")
    #expect(kind(try scratch.read("a")) == .ext)
    #expect(kind(try scratch.read("b")) == .disk)
  }

  @Test("A header of dump(8) is known by magic and checksum, in both byte orders")
  func dump8() {
    var words = [UInt32](repeating: 0, count: 256)
    words[0] = 1
    words[1] = 1_700_000_000
    words[6] = 60012
    words[7] = 84446 &- words.reduce(0, &+)
    let little = words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }
    let big = words.flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } }
    #expect(kind(little) == .dump8)
    #expect(kind(big) == .dump8)
    var damaged = little
    damaged[100] ^= 1
    #expect(kind(damaged) == .unknown)
  }
}
