// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// What import takes from strangers.
@Suite("Files that were made to hurt", .serialized) struct FormatFuzzTests {
  private func fuzz(
    _ kind: String, cases: Int, size: UInt64 = 32 << 20, findings: [[UInt8]] = [], prepare: (Scratch) throws -> [UInt8],
    make: (inout Noise, [UInt8]) throws -> [UInt8]
  ) throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      let base = try prepare(scratch)
      // What is changed is taken as it is: else all would be refused for another reason.
      try write(base, to: scratch("input"))
      let (result, fault) = try attack.restore(scratch("input"), size: size)
      try #require(result.isSuccess && fault == nil, "\(fault ?? result.text)")
      let extent = Extent(cases: cases)
      try extent.each { index, noise in
        let input =
          if index < findings.count { findings[index] } else if !findings.isEmpty, noise.chance(25) {
            damaged(noise.one(of: findings), within: noise.one(of: [512, 8192, .max]), &noise)
          } else { try make(&noise, base) }
        try write(input, to: scratch("input"))
        if let fault = try attack.restore(scratch("input"), size: size).fault {
          try record(fault, kind, seed: extent.seed, index: index, input: input)
        }
      }
    }
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    let file = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC)
    try file.writeAll(bytes)
  }

  /// Changes bytes of the first `reach`, more often than not to what is likely to hurt.
  private func damaged(_ bytes: [UInt8], within reach: Int, _ noise: inout Noise, bigEndian: Bool = false) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<noise.one(of: [1, 1, 2, 4, 16]) {
      let width = noise.one(of: [1, 2, 4, 8])
      let place = noise.number(0...max(0, min(reach, bytes.count) / width - 1)) * width
      bytes.put(noise.value(), at: place, width, bigEndian: bigEndian)
    }
    return bytes
  }

  @Test("A tar does not, whatever is in it") func tar() throws {
    try fuzz(
      "tar", cases: 40 + Findings.tars.count, size: 128 << 20, findings: Findings.tars,
      prepare: { _ in Tar.small.bytes },
      make: { noise, _ in Tar.hostile(&noise).bytes })
  }

  @Test("An image of qemu does not, whatever its tables say") func qcow2() throws {
    try fuzz(
      "qcow2", cases: 25, findings: [Findings.qcow2],
      prepare: { scratch in
        _ = try ExtFuzzTests.make(ExtFuzzTests.forms[0], in: scratch)
        try shell(
          "qemu-img convert -f raw -O qcow2 -o cluster_size=4096 '\(scratch("base"))' '\(scratch("base.qcow2"))'")
        return try readFile(scratch("base.qcow2"))
      },
      make: { noise, base in damaged(base, within: noise.one(of: [104, 8192, 32768]), &noise, bigEndian: true) })
  }

  @Test("A packed stream does not, whatever its headers say", arguments: ["gzip", "xz", "bzip2", "lz4", "zstd"])
  func packings(_ tool: String) throws {
    try fuzz(
      tool, cases: 10, findings: tool == "zstd" ? [Findings.zstd] : [],
      prepare: { scratch in
        _ = try ExtFuzzTests.make(ExtFuzzTests.forms[2], in: scratch)
        try shell("\(tool) -c <'\(scratch("base"))' >'\(scratch("packed"))'")
        return try readFile(scratch("packed"))
      },
      make: { noise, base in damaged(base, within: noise.one(of: [32, 512, base.count]), &noise) })
  }

  /// A table of partitions without one.
  private static var emptyTable: [UInt8] {
    var disk = [UInt8](repeating: 0, count: 4096)
    disk.put(0xAA55, at: 510, 2)
    return disk
  }

  @Test("The beginning of a disk does not, whatever table or filesystem it claims to have") func stubs() throws {
    try fuzz("stub", cases: 30, prepare: { _ in Self.emptyTable }, make: Self.stub)
  }

  private static func stub(_ noise: inout Noise, _ base: [UInt8]) -> [UInt8] {
    var disk = [UInt8](repeating: 0, count: noise.one(of: [512, 2048, 4096, 69632, 1 << 20]))
    for _ in 0..<noise.number(1...2) {
      switch noise.number(0...4) {
      case 0:
        disk.put(0xAA55, at: 510, 2)
        for entry in 0..<4 { for field in 0..<4 { disk.put(noise.value(), at: 446 + 16 * entry + 4 * field, 4) } }
      case 1:
        let start = noise.one(of: [512, 4096])
        for (index, byte) in "EFI PART".utf8.enumerated() { disk.put(UInt64(byte), at: start + index, 1) }
        for field in 1..<12 { disk.put(noise.value(), at: start + 8 * field, 8) }
      case 2:
        for (index, byte) in "XFSB".utf8.enumerated() { disk.put(UInt64(byte), at: index, 1) }
        for field in 1..<32 { disk.put(noise.value(), at: 8 * field - 4, 8, bigEndian: true) }
      case 3:
        for (index, byte) in "_BHRfS_M".utf8.enumerated() { disk.put(UInt64(byte), at: 65600 + index, 1) }
        for field in 9..<32 { disk.put(noise.value(), at: 65536 + 8 * field, 8) }
      default:
        disk.put(0xEF53, at: 1024 + 56, 2)
        for field in 0..<40 where field != 14 { disk.put(noise.value(), at: 1024 + 4 * field, 4) }
      }
    }
    return disk
  }
}
