// SPDX-License-Identifier: Apache-2.0
import Dump
import Report
import Sources
import TestSupport
import Testing

@Suite("A damaged dump is refused")
struct DamageTests {
  static let small = Disk.random("small", size: 6000, extents: 2)
  static let forms: [DumpWriter.Compression] = [.zstd(level: 1), .none]

  /// Expects that nothing takes the dump for a good one.
  private func expectRefused(_ dump: [UInt8], _ damage: @autoclosure () -> String) {
    do throws(Failure) {
      _ = try restore(dump, workers: 1)
      Issue.record("taken for a good dump: \(damage())")
    } catch {
      if error.code != .dump { Issue.record("\(error) for \(damage())") }
    }
  }

  @Test("cut at any byte", arguments: forms)
  func truncated(_ form: DumpWriter.Compression) throws {
    let dump = try Self.small.dump(form)
    for length in dump.indices {
      expectRefused(Array(dump[..<length]), "cut at \(length) of \(dump.count)")
    }
  }

  @Test("with any one bit flipped in the first frame's header or behind the data, or in any byte of the rest")
  func everyBit() throws {
    let dump = try Self.small.dump()
    for position in dump.indices {
      let isHeader = position < 16 || position >= dump.count - 300
      for bit in 0..<8 where isHeader || bit == position % 8 {
        expectRefused(flipped(dump, position, bit), "bit \(bit) of byte \(position) of \(dump.count)")
      }
    }
  }

  @Test("with any one bit of the trailer flipped in a plain tar, or one in any byte of the rest")
  func everyBitOfTar() throws {
    let dump = try Self.small.dump(.none)
    let trailer = dump.count - 2048
    for position in dump.indices {
      for bit in 0..<8 where (trailer..<trailer + 640).contains(position) || bit == position % 8 {
        expectRefused(flipped(dump, position, bit), "bit \(bit) of byte \(position) of \(dump.count)")
      }
    }
  }

  private func flipped(_ dump: [UInt8], _ position: Int, _ bit: Int) -> [UInt8] {
    var copy = dump
    copy[position] ^= 1 << UInt8(bit)
    return copy
  }

  @Test("with a random bit flipped, a thousand times", arguments: forms)
  func randomBits(_ form: DumpWriter.Compression) throws {
    var random = SplitMix(state: 7)
    let dump = try Disk.random("of several frames", size: 5 << 20, extents: 40).dump(form)
    for _ in 0..<1000 {
      let position = Int.random(in: dump.indices, using: &random)
      let bit = Int.random(in: 0..<8, using: &random)
      expectRefused(flipped(dump, position, bit), "bit \(bit) of byte \(position)")
    }
  }

  @Test("with anything behind its end", arguments: forms)
  func longer(_ form: DumpWriter.Compression) throws {
    let dump = try Self.small.dump(form)
    expectRefused(dump + [0], "a zero")
    expectRefused(dump + [UInt8](repeating: 0, count: 512), "a block of zeros")
    expectRefused(dump + dump, "another dump")
  }

  @Test("made of the frames of two dumps")
  func spliced() throws {
    let one = try Disk.random("one", size: 5 << 20, extents: 40).dump()
    var other = Disk.random("other", size: 5 << 20, extents: 40)
    other.bytes[Int(other.extents[3].offset)] ^= 1
    let two = try other.dump()
    for length in [20, 60, 100, 300, 600, 100_000] {
      let spliced = Array(one.dropLast(length) + two.suffix(length))
      if spliced != one { expectRefused(spliced, "the last \(length) bytes of another") }
    }
  }

  @Test("and the message says where and what")
  func message() throws {
    var dump = try Disk.random("of several frames", size: 5 << 20, extents: 40).dump()
    let middle = dump.count / 2
    dump[middle] ^= 1
    let damaged = #expect(throws: Failure.self) { try restore(dump) }
    #expect(damaged?.message.contains("in disk.raw (frame ") == true, "\(damaged?.message ?? "")")
    #expect(damaged?.message.contains("checksum") == true, "\(damaged?.message ?? "")")
    dump[middle] ^= 1
    let cut = #expect(throws: Failure.self) { try restore(Array(dump[..<middle])) }
    #expect(cut?.message.hasPrefix("the dump is cut off at byte \(middle), in disk.raw") == true)
    let foreign = #expect(throws: Failure.self) { try restore([UInt8](repeating: 65, count: 5000)) }
    #expect(foreign?.message.hasPrefix("the stream is not a dump") == true)
  }

  @Test("A dump of random changes is refused or gives the same disk, and never ends the program", arguments: forms)
  func mutations(_ form: DumpWriter.Compression) throws {
    // Of a number that is told, so that what was found can be found again.
    let seed = UInt64.random(in: 0...(.max))
    var random = SplitMix(state: seed)
    let corpus = [
      Self.small, Disk("empty", size: 1001, extents: []) { _ in 0 }, .random("many", size: 90000, extents: 50),
    ]
    let dumps = try corpus.map { try $0.dump(form) }
    let older = try corpus.map { try $0.dump(form, version: 1) }
    let end = ContinuousClock.now + .seconds(fuzzSeconds)
    repeat {
      let chosen = Int.random(in: corpus.indices, using: &random)
      var dump = (Bool.random(using: &random) ? dumps : older)[chosen]
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        mutate(&dump, with: dumps + older, &random)
      }
      _ = StreamKind(prefix: Array(dump.prefix(StreamKind.prefixLength)))
      try readAnywhere(dump)
      if let disk = try? restore(dump, workers: 1) {
        #expect(disk == corpus[chosen].bytes || (dumps + older).contains(dump), "seed \(seed)")
      }
    } while ContinuousClock.now < end
  }

  private func mutate(_ dump: inout [UInt8], with others: [[UInt8]], _ random: inout SplitMix) {
    guard !dump.isEmpty else { return }
    let start = Int.random(in: dump.indices, using: &random)
    let range = start..<min(dump.count, start + Int.random(in: 1...40, using: &random))
    switch Int.random(in: 0..<6, using: &random) {
    case 0: dump[start] = UInt8.random(in: 0...255, using: &random)
    case 1: dump[start] = [0, 1, 0x7F, 0x80, 0xFF, 0x30, 0x39].randomElement(using: &random) ?? 0
    case 2: dump.removeSubrange(range)
    case 3: dump.insert(contentsOf: dump[range], at: start)
    case 4: for position in range { dump[position] = UInt8.random(in: 0...255, using: &random) }
    default:
      let other = others.randomElement(using: &random) ?? []
      dump = Array(dump[..<start]) + other.dropFirst(Int.random(in: 0...other.count, using: &random))
    }
  }

  private func readAnywhere(_ dump: [UInt8]) throws {
    guard let index = try? DumpIndex(dump) else { return }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 700, alignment: 1)
    defer { buffer.deallocate() }
    let size = index.manifest.diskSize
    try? index.read(at: 0, into: buffer)
    try? index.read(at: size < 700 ? 0 : size - 700, into: buffer)
  }
}
