// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Storage
import TestSupport
import Testing

@testable import Ext4

@Suite struct BitmapTests {
  @Test(
    "the runs of ones in bits are counted",
    arguments: [
      ([0, 0], 0), ([.max, .max], 1), ([0xAAAA_AAAA_AAAA_AAAA, 0xAAAA_AAAA_AAAA_AAAA], 64), ([1 << 63, 1], 1),
      ([1, 1 << 63], 2), ([0b0110_0111, 0], 2),
    ] as [([UInt64], UInt64)])
  func runsOnesBits(words: [UInt64], runs: UInt64) {
    let bits = words.map(\.littleEndian)
    #expect(bits.withUnsafeBytes { Filesystem.runs(in: $0) } == runs)
  }

  @Test("a bitmap of every other block is known before it is in memory") func bitmapEveryOther() throws {
    try withScratch { scratch in
      let image = try makeSparseFile(scratch("image"), size: 64 << 20)
      try shell("mke2fs -q -F -t ext4 -b 1024 -O ^metadata_csum,^uninit_bg -m 0 '\(image)'")
      func runs(atMost most: UInt64 = .max) throws -> UInt64? {
        let file = try Descriptor(image, O_RDONLY)
        return try Filesystem(opening: Region(of: file), writable: false)
          .runs(atMost: most)
      }
      #expect(try #require(try runs()) < 50)
      // The block bitmap of each of the eight groups, by e2fsck's own tool.
      try shell(
        """
        dumpe2fs '\(image)' 2>/dev/null | sed -n 's/^ *Block bitmap at \\([0-9]*\\).*/\\1/p' | while read block; do
          head -c 1024 /dev/zero | tr '\\0' '\\252' | dd of='\(image)' bs=1024 seek=$block conv=notrunc 2>/dev/null
        done
        """)
      #expect(try #require(try runs()) > 8 * 4096)
      #expect(try runs(atMost: 8 * 4096) == nil)
    }
  }
}
