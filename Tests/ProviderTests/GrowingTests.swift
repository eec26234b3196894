// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("A restored filesystem grows with its disk")
struct GrowingTests {
  private static let options = [
    "-t ext2", "-t ext2 -b 1024", "-t ext3", "-t ext4", "-t ext4 -b 1024", "-t ext4 -b 2048 -I 128",
    "-t ext4 -O ^flex_bg", "-t ext4 -O ^resize_inode", "-t ext4 -O ^resize_inode,meta_bg", "-t ext4 -O ^64bit",
    "-t ext4 -O ^metadata_csum,uninit_bg", "-t ext4 -O ^metadata_csum,^uninit_bg", "-t ext4 -O metadata_csum_seed",
    "-t ext4 -O quota", "-t ext4 -O inline_data -I 256", "-t ext4 -O sparse_super2",
    "-t ext4 -O ^has_journal", "-t ext4 -g 8192 -N 3000",
  ]

  @Test("Of each form, to a little more and to much more", arguments: options) func forms(_ options: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try makeSparseFile(scratch("raw"), size: 71 << 20)
      try shell(
        """
        mkdir -p '\(scratch("tree/etc"))'; cd '\(scratch("tree"))'
        echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd; echo vm1 >etc/hostname
        head -c 5000000 /dev/urandom >noise
        mke2fs -q -F \(options) -d . '\(raw)'
        """)
      for size in [72, 300, 20 << 10] as [UInt64] {
        let disk = try guest.disk("restored", mebibytes: size)
        try guest.run(guest.request(.import, "vm1.example.com", disks: [disk]), guest.surroundings(input: raw))
        #expect(try problems(of: disk) == nil, "\(size) MiB")
        let filled = try shell(
          "dumpe2fs -h '\(disk)' 2>/dev/null | awk '/^Block count/{c=$3}/^Block size/{printf \"%.0f\", c*$3}'")
        #expect(try #require(UInt64(filled)) > (size << 20) * 9 / 10, "\(size) MiB")
      }
    }
  }

  @Test("What is gained takes no room in an image file") func room() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let raw = try makeSparseFile(scratch("raw"), size: 128 << 20)
      try shell(
        """
        mkdir -p '\(scratch("tree/etc"))'; echo 'root:x:0:0:root:/root:/bin/sh' >'\(scratch("tree/etc/passwd"))'
        mke2fs -q -F -t ext4 -d '\(scratch("tree"))' '\(raw)'
        """)
      let disk = try guest.disk("restored", mebibytes: 1 << 20)
      try guest.run(guest.request(.import, "vm1.example.com", disks: [disk]), guest.surroundings(input: raw))
      #expect(try problems(of: disk) == nil)
      #expect(try Descriptor(disk, O_RDONLY).status().st_blocks * 512 < 100 << 20)
    }
  }
}
