// SPDX-License-Identifier: Apache-2.0
import Dump
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// Dumps of this program and of dump(8), changed where the readers believe them.
@Suite("Dumps that were made to hurt", .serialized) struct DumpFuzzTests {
  private func write(_ bytes: [UInt8], to path: String) throws {
    let file = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC)
    try file.writeAll(bytes)
  }

  @Test("A dump does not, whatever its manifest and its map say", arguments: [false, true])
  func dumps(compressed: Bool) throws {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      let (good, dump) = (scratch("good.dump"), scratch("input"))
      try ExtFuzzTests.writeDump(
        of: ExtFuzzTests.make(ExtFuzzTests.forms[0], in: scratch), to: good, compressed ? .zstd(level: 1) : .none)
      let base = try readFile(good)
      let extent = Extent(cases: 20)
      try extent.each { index, noise in
        // A plain tar has no checksum before its end, so that every reader believes what stands first.
        let input =
          compressed
          ? index == 0 ? Findings.seekTable(of: base) : changedAnywhere(base, &noise) : changedText(base, &noise)
        try write(input, to: dump)
        let faults = [
          try attack.restore(dump).fault,
          try attack.guestsmith("dump", "info", dump).fault,
          try attack.guestsmith("dump", "verify", dump).fault,
          try attack.guestsmith("dump", "list", "-r", dump).fault,
          try attack.guestsmith("dump", "diff", good, dump, "--quiet").fault,
        ]
        for fault in try faults.compactMap({ $0 }) + attack.extract("/etc", of: dump) {
          try record(fault, "dump", seed: extent.seed, index: index, input: input)
        }
      }
    }
  }

  /// Changes the numbers and the words of the manifest and of the map, of the same length each.
  private func changedText(_ bytes: [UInt8], _ noise: inout Noise) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<noise.one(of: [1, 1, 2, 4]) {
      let start = noise.number(0...4096)
      guard let place = bytes[start..<8192].firstIndex(where: { (0x30...0x39).contains($0) || $0 == 0x22 }) else {
        continue
      }
      if bytes[place] == 0x22 {
        bytes[place + 1] = noise.one(of: [0, 7, 0x1B, 0x22, 0x2F, 0x5C, 0x7B, 0x80, 0xFF])
      } else {
        let end = bytes[place...].firstIndex { !(0x30...0x39).contains($0) } ?? place + 1
        let digits = Array("\(noise.value())".utf8)
        for index in place..<end { bytes[index] = index - place < digits.count ? digits[index - place] : 0x30 }
      }
    }
    return bytes
  }

  private func changedAnywhere(_ bytes: [UInt8], _ noise: inout Noise) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<noise.one(of: [1, 1, 2, 4]) {
      // The index lies at the end.
      let reach = noise.one(of: [64, 1024, bytes.count])
      let place = noise.number(0...reach - 1)
      bytes.put(noise.value(), at: noise.chance(50) ? place : bytes.count - 1 - place, noise.one(of: [1, 2, 4, 8]))
    }
    return bytes
  }

  @Test("A dump of dump(8) does not, whatever its records say", .enabled(if: isRoot, "needs root")) func dump8() throws
  {
    try withScratch { scratch in
      let attack = try Attack(in: scratch)
      _ = try ExtFuzzTests.make(ExtFuzzTests.forms[2], in: scratch)
      let base = try withLoopDevice(scratch("base")) { device in
        try shell("dump -0 -q -f '\(scratch("stream"))' '\(device)' 2>/dev/null")
        return try readFile(scratch("stream"))
      }
      let records = stride(from: 0, to: base.count - 1023, by: 1024).filter { base.number($0 + 24, 4) == 60012 }
      try #require(records.count > 10)
      let extent = Extent(cases: 30)
      try extent.each { index, noise in
        var input = index == 0 ? Findings.maps(of: base, records) : base
        for _ in 0..<(index == 0 ? 0 : noise.one(of: [1, 1, 2, 4])) {
          let record = noise.one(of: noise.chance(30) ? Array(records.prefix(3)) : records)
          if noise.chance(80) {
            // Type, volume, inode, count, size and the map of blocks.
            let field = noise.one(of: [0, 12, 16, 20, 32, 40, 44, 48, 52, 56, 160, 164, 168, 664, 892])
            input.put(noise.value(), at: record + field, noise.one(of: [1, 2, 4, 8]))
          } else {
            input.put(noise.value(), at: record + 1024 + 4 * noise.number(0...255), 4)
          }
          var sum: UInt32 = 84446
          for word in 0..<256 where word != 7 { sum &-= UInt32(truncatingIfNeeded: input.number(record + 4 * word, 4)) }
          input.put(UInt64(sum), at: record + 28, 4)
        }
        try write(input, to: scratch("input"))
        if let fault = try attack.restore(scratch("input")).fault {
          try record(fault, "dump8", seed: extent.seed, index: index, input: input)
        }
      }
    }
  }
}
