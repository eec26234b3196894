// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import Storage
import TestSupport
import Testing

@Suite("What a disk is used for")
struct DiskUseTests {
  private func use(_ command: String) throws -> DiskUse {
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 64 << 20)
      try shell("PATH=$PATH:/sbin:/usr/sbin; disk='\(path)'; \(command)")
      return try Disk(path, for: .reading).use()
    }
  }

  @Test("Zeros are nothing")
  func nothing() throws {
    #expect(try use(":") == .nothing)
  }

  @Test("A filesystem is one, with its UUID; swap is not")
  func filesystem() throws {
    let uuid = "11112222-3333-4444-5555-666677778888"
    guard case .one(let content) = try use("mke2fs -q -F -t ext4 -U \(uuid) $disk") else {
      Issue.record("no filesystem is found")
      return
    }
    #expect((content.type, content.isFilesystem, content.uuid) == ("ext4", true, uuid))
    #expect((content.offset, content.room) == (0, 64 << 20))
    guard case .one(let swap) = try use("mkswap -q $disk") else {
      Issue.record("no swap is found")
      return
    }
    #expect((swap.type, swap.isFilesystem) == ("swap", false))
  }

  @Test("A partition table is told by its type, also one without partitions", arguments: ["gpt", "dos"])
  func table(_ type: String) throws {
    #expect(try use("echo 'label: \(type)' | sfdisk -q $disk") == .partitions(type))
    #expect(try use("printf 'label: \(type)\\n,10M\\n' | sfdisk -q $disk") == .partitions(type))
  }

  @Test(
    "A table with partitions counts, and not the filesystem that was there before", arguments: ["mke2fs", "mkswap"])
  func divided(_ older: String) throws {
    let make = older == "mke2fs" ? "mke2fs -q -F -t ext4" : "mkswap -q"
    #expect(
      try use("\(make) $disk; printf 'label: dos\\n,10M\\n' | sfdisk -q --wipe never $disk") == .partitions("dos"))
    try withScratch { scratch in
      let path = try makeSparseFile(scratch("disk"), size: 64 << 20)
      try shell(
        """
        PATH=$PATH:/sbin:/usr/sbin; cd '\(scratch.path)'; \(make) disk
        printf 'label: dos\\nstart=2048,size=32M\\n' | sfdisk -q --wipe never disk
        mke2fs -q -F -t ext2 -E offset=1048576 disk 32M
        """)
      let contents = try Disk(path, for: .reading).contents()
      #expect(contents.map(\.type) == ["ext2"] && contents.first?.offset == 1 << 20, "\(contents)")
    }
  }

  @Test("Two filesystems in one place are several things")
  func several() throws {
    // The beginning of a squashfs lies before the superblock of ext4.
    let squash = "printf hsqs | dd of=$disk conv=notrunc status=none"
    let version = "printf '\\4' | dd of=$disk bs=1 seek=28 conv=notrunc status=none"
    let use = try use("mke2fs -q -F -t ext4 $disk; \(squash); \(version)")
    #expect(use == .several)
  }
}
