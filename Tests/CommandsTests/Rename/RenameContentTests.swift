// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

@Suite("Rename of what is not an ext filesystem")
struct RenameContentTests {
  @Test(
    "It says what is on the disk, changes nothing and succeeds",
    arguments: [
      ("true", "nothing that is known"),
      (
        "printf 'label: gpt\\nstart=2048, size=2048, type=U\\nstart=4096, type=L\\n' | sfdisk -q $d",
        "its partitions are 1 and 2"
      ),
      (
        "printf 'label: dos\\nstart=2048, type=83\\n' | sfdisk -q $d; mke2fs -q -F -E offset=1048576 $d 60M",
        "its one partition is 1 (ext2)"
      ),
      ("mkfs.xfs -q $d", "xfs"), ("mkfs.btrfs -q $d", "btrfs"), ("mkswap -q $d", "swap"),
    ])
  func contents(make: String, words: String) throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch)
      let disk = try makeSparseFile(scratch("disk"), size: 512 << 20)
      try shell("d='\(disk)'; \(make)")
      let before = try digest(of: disk)
      let outcome = try definition.script("rename", "-o vm1.example.com -n vm2.example.com -b \(disk) -s /dev/null")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.errors.contains(words) && outcome.errors.contains("not renamed"), "\(outcome)")
      #expect(try digest(of: disk) == before)
    }
  }

  @Test("An ext filesystem whose superblock is damaged is refused", arguments: [24, 32, 104])
  func damaged(offset: Int) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      try shell(
        "printf '\\377\\377\\377\\377' | dd of='\(guest.disk)' bs=1 seek=\(1024 + offset) conv=notrunc status=none")
      let arguments = "-o vm1.example.com -n vm2.example.com -b \(guest.disk) -s /dev/null"
      let outcome = try guest.definition.script("rename", arguments)
      #expect(outcome.status == Failure.Code.guest.rawValue, "\(outcome)")
    }
  }
}
