// SPDX-License-Identifier: Apache-2.0
import Dump
import Report
import Synchronization
import Testing

/// A disk in memory with the extents that its dump is to hold.
struct Disk: Sendable, CustomTestStringConvertible {
  let testDescription: String
  var bytes: [UInt8]
  var extents: [ByteRange]

  /// All that is outside of the extents is zero.
  init(_ description: String, size: Int, extents: [ByteRange], content: (Int) -> UInt8) {
    testDescription = description
    bytes = [UInt8](repeating: 0, count: size)
    self.extents = extents
    for extent in extents {
      for position in Int(extent.offset)..<Int(extent.end) {
        bytes[position] = content(position)
      }
    }
  }

  /// Extents of random place and length, of which every other KiB compresses well.
  static func random(_ description: String, size: Int, extents count: Int, seed: UInt64 = 1) -> Disk {
    var random = SplitMix(state: seed)
    var extents: [ByteRange] = []
    var sector = 0
    let share = max(2, size / 512 / count)
    while extents.count < count {
      let gap = Int.random(in: 1...share, using: &random)
      let length = Int.random(in: 1...share, using: &random)
      guard sector + gap + length <= size / 512 else { break }
      extents.append(ByteRange(offset: UInt64(sector + gap) * 512, length: UInt64(length) * 512))
      sector += gap + length
    }
    let noise = (0..<4096).map { _ in UInt8.random(in: 0...255, using: &random) }
    return Disk(description, size: size, extents: extents) {
      $0 & 1024 == 0 ? UInt8($0 >> 9 & 63) : noise[$0 * 7 & 0xFFF] ^ UInt8($0 >> 12 & 0xFF)
    }
  }

  var map: ExtentMap {
    get throws { try ExtentMap(diskSize: UInt64(bytes.count), extents) }
  }

  var manifest: Manifest { get throws { try manifest(version: Manifest.version) } }

  private func manifest(version: Int) throws -> Manifest {
    Manifest(
      program: "guestsmith 0.0", created: 1_700_000_000, instance: "web1.example.org", os: "debian",
      variant: "bookworm", selection: .usedBlocks,
      filesystems: [.init(offset: 0, type: "ext4", uuid: "6f3a2a2e-2f25-4d5c-9c3a-000000000001", label: nil)],
      extents: try map, version: version)
  }

  func dump(
    _ compression: DumpWriter.Compression = .zstd(level: 1), workers: Int = 2, version: Int = Manifest.version
  ) throws -> [UInt8] {
    var dump: [UInt8] = []
    let writer = try DumpWriter(try manifest(version: version), try map, compression: compression, workers: workers)
    let summary = try writer.write(read: read, sink: { dump += $0 })
    #expect(summary.stored == UInt64(dump.count))
    return dump
  }

  @Sendable func read(_ offset: UInt64, _ buffer: UnsafeMutableRawBufferPointer) {
    buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count])
  }
}

/// Hands out a dump, in pieces of up to `step` bytes.
final class Stream: Sendable {
  private let bytes: [UInt8]
  private let step: Int
  private let position = Mutex(0)

  init(_ bytes: [UInt8], step: Int = .max) {
    self.bytes = bytes
    self.step = step
  }

  @Sendable func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    position.withLock { position in
      let count = min(buffer.count, step, bytes.count - position)
      buffer.copyBytes(from: bytes[position..<position + count])
      position += count
      return count
    }
  }
}

/// What a dump restores to, on a disk of zeros.
func restore(_ dump: [UInt8], step: Int = .max, workers: Int = 2) throws(Failure) -> [UInt8] {
  let reader = try DumpReader(source: Stream(dump, step: step).read)
  guard reader.manifest.diskSize <= 64 << 20 else { throw Failure(.dump, "the test has no disk as large as this") }
  var disk = [UInt8](repeating: 0, count: Int(reader.manifest.diskSize))
  _ = try reader.read(workers: workers) { offset, bytes in
    disk.withUnsafeMutableBytes { disk in
      UnsafeMutableRawBufferPointer(rebasing: disk[Int(offset)...]).copyMemory(from: bytes)
    }
  }
  return disk
}

/// The generator of Steele, Lea and Flood: the same numbers in every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
