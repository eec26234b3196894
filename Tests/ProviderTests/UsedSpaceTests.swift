// SPDX-License-Identifier: Apache-2.0
import Glibc
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("The dump of a filesystem other than ext")
struct UsedSpaceTests {
  /// A filesystem, how it is made at the path in `$disk`, and how it is checked.
  struct Form: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let type: String
    let make: String
    let check: String
    var mebibytes: UInt64 = 512

    static let all = [
      Form("XFS", "xfs", "mkfs.xfs -q -f \"$disk\"", "xfs_repair -n"),
      Form("XFS of small blocks", "xfs", "mkfs.xfs -q -f -b size=1024 \"$disk\"", "xfs_repair -n"),
      Form("XFS of many groups", "xfs", "mkfs.xfs -q -f -d agcount=5 -s size=4096 \"$disk\"", "xfs_repair -n"),
      Form("btrfs", "btrfs", "mkfs.btrfs -q -f \"$disk\"", "btrfs check"),
      Form("btrfs, mixed", "btrfs", "mkfs.btrfs -q -f --mixed \"$disk\"", "btrfs check"),
      Form("btrfs, without copies", "btrfs", "mkfs.btrfs -q -f -m single -n 4096 \"$disk\"", "btrfs check"),
    ]

    init(_ words: String, _ type: String, _ make: String, _ check: String) {
      (testDescription, self.type, self.make, self.check) = (words, type, make, check)
    }
  }

  private func export(_ disk: String, _ guest: SmallGuest, named name: String = "dump") throws -> String {
    let dump = try guest.scratch.write("", to: name)
    try guest.run(guest.request(.export(sizeDescriptor: nil), disks: [disk]), guest.surroundings(output: dump))
    return dump
  }

  private func restore(_ dump: String, mebibytes: UInt64, _ guest: SmallGuest, wipe: String = "discard") throws
    -> String
  {
    let disk = try guest.disk("restored", mebibytes: mebibytes)
    // What an earlier tenant left.
    try shell("openssl rand \(mebibytes << 20) >'\(disk)'")
    var request = try guest.request(.import, disks: [disk])
    request.instanceDisks[0].role = nil
    try guest.run(request, guest.surroundings(input: dump), parameters: ["wipe": wipe])
    return disk
  }

  private func manifest(_ dump: String) throws -> JSON {
    try JSON(parsing: Array(bash("zstd -qdc '\(dump)' | tar -xO manifest.json").output.utf8))
  }

  /// Fills it with files of noise, and deletes most of them again; returns the digests of what stays.
  private func use(_ disk: String, at offset: UInt64 = 0, _ scratch: Scratch) throws -> String {
    try shell(
      """
      set -e
      mkdir -p '\(scratch("mount"))'
      mount -o loop,offset=\(offset) '\(disk)' '\(scratch("mount"))'
      # It is there for as long as a process has a namespace with it.
      trap "umount '\(scratch("mount"))'; while losetup -j '\(disk)' | grep -q .; do sleep 0.1; done" EXIT
      cd '\(scratch("mount"))'
      for number in $(seq 60); do openssl rand 3145728 >noise$number; done
      for number in $(seq 300); do echo $number >small$number; done
      sync
      rm noise[1-5]*
      ls | sort | xargs sha256sum
      cd /
      """)
  }

  private func files(of disk: String, at offset: UInt64 = 0, _ scratch: Scratch) throws -> String {
    try shell(
      """
      options=loop,ro,offset=\(offset)
      # The original may be mounted still.
      case "$(blkid -p -O \(offset) -o value -s TYPE '\(disk)')" in xfs) options=$options,nouuid ;; esac
      mount -o $options '\(disk)' '\(scratch("mount"))'
      cd '\(scratch("mount"))'; ls | sort | xargs sha256sum; cd /
      umount '\(scratch("mount"))'
      """)
  }

  @Test(
    "It holds what is used, and is restored with equal files",
    .enabled(if: isRoot, "needs root"), arguments: Form.all)
  func used(_ form: Form) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try makeSparseFile(scratch("disk.img"), size: form.mebibytes << 20)
      try shell("disk='\(disk)'; \(form.make)")
      let before = try use(disk, scratch)
      let dump = try export(disk, guest)
      #expect(try manifest(dump)["disk"]?["selection"]?.string == "used-blocks")
      // 15 MiB of noise stay.
      #expect(try Descriptor(dump, O_RDONLY).status().st_size < 24 << 20)
      for wipe in ["discard", "none"] {
        let restored = try restore(dump, mebibytes: form.mebibytes, guest, wipe: wipe)
        #expect(try bash("\(form.check) '\(restored)'").status == 0)
        #expect(try files(of: restored, scratch) == before)
      }
    }
  }

  @Test("So does a partition, and FAT", .enabled(if: isRoot, "needs root"), arguments: ["xfs", "btrfs"])
  func partitions(_ type: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try makeSparseFile(scratch("disk.img"), size: 700 << 20)
      let root: UInt64 = 100 << 20
      try shell(
        """
        printf 'label: gpt\\nstart=1MiB size=64MiB type=U\\nstart=100MiB size=500MiB type=L\\n' | /sbin/sfdisk -q '\(disk)'
        truncate -s 500M '\(scratch("root"))'
        mkfs.\(type) -q '\(scratch("root"))'
        dd if='\(scratch("root"))' of='\(disk)' bs=1M seek=100 conv=notrunc,sparse status=none
        mkfs.vfat -F 32 -s 1 --offset 2048 '\(disk)' 65536 >/dev/null 2>&1
        openssl rand 20971520 >'\(scratch("noise"))'
        mcopy -i '\(disk)@@1M' '\(scratch("noise"))' ::noise
        echo loader >'\(scratch("loader"))'; mcopy -i '\(disk)@@1M' '\(scratch("loader"))' ::loader
        mdel -i '\(disk)@@1M' ::noise
        """)
      let before = try use(disk, at: root, scratch)
      let dump = try export(disk, guest)
      #expect(
        try manifest(dump)["partitions"]?.array?.map { $0["selection"]?.string } == ["used-blocks", "used-blocks"])
      #expect(try Descriptor(dump, O_RDONLY).status().st_size < 24 << 20)
      let restored = try restore(dump, mebibytes: 700, guest, wipe: "none")
      #expect(try files(of: restored, at: root, scratch) == before)
      #expect(try shell("mtype -i '\(restored)@@1M' ::loader") == "loader")
      try shell(
        """
        dd if='\(restored)' of='\(scratch("root"))' bs=1M skip=100 count=500 status=none
        dd if='\(restored)' of='\(scratch("esp"))' bs=1M skip=1 count=64 status=none
        fsck.vfat -n '\(scratch("esp"))'
        \(type == "xfs" ? "xfs_repair -n" : "btrfs check") '\(scratch("root"))'
        """)
    }
  }

  @Test("FAT of each width is held by what is used", arguments: [12, 16, 32]) func fat(_ bits: Int) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let mebibytes: UInt64 = bits == 12 ? 8 : bits == 16 ? 64 : 200
      let disk = try makeSparseFile(scratch("disk.img"), size: mebibytes << 20)
      try shell(
        """
        mkfs.vfat -F \(bits) '\(disk)' >/dev/null
        head -c 3000001 /dev/urandom >'\(scratch("noise"))'
        head -c 1000001 /dev/urandom >'\(scratch("kept"))'
        mcopy -i '\(disk)' '\(scratch("noise"))' ::noise
        mcopy -i '\(disk)' '\(scratch("kept"))' ::kept
        mdel -i '\(disk)' ::noise
        """)
      let dump = try export(disk, guest)
      #expect(try manifest(dump)["disk"]?["selection"]?.string == "used-blocks")
      #expect(try Descriptor(dump, O_RDONLY).status().st_size < 1_200_000)
      let restored = try restore(dump, mebibytes: mebibytes, guest)
      try shell("fsck.vfat -n '\(restored)' && mcopy -i '\(restored)' ::kept - | cmp - '\(scratch("kept"))'")
    }
  }

  @Test(
    "One that was not unmounted is held by what is not zero", .enabled(if: isRoot, "needs root"),
    arguments: ["xfs", "btrfs"])
  func dirty(_ type: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      let disk = try makeSparseFile(scratch("disk.img"), size: 512 << 20)
      // Of a btrfs a file that is synced by itself is in a log.
      let expected = try shell(
        """
        mkfs.\(type) -q '\(disk)' >/dev/null 2>&1
        mkdir '\(scratch("mount"))'
        mount -o loop '\(disk)' '\(scratch("mount"))'
        head -c 5M /dev/urandom >'\(scratch("mount"))/one'
        sync -f '\(scratch("mount"))'
        for number in 1 2 3; do
          head -c 5M /dev/urandom >>'\(scratch("mount"))/one'
          sync '\(scratch("mount"))/one'
        done
        cp --sparse=always '\(disk)' '\(scratch("copy"))'
        (cd '\(scratch("mount"))'; sha256sum one)
        umount '\(scratch("mount"))'
        """)
      let dump = try export(scratch("copy"), guest)
      #expect(try manifest(dump)["disk"]?["selection"]?.string == "non-zero-blocks")
      let restored = try restore(dump, mebibytes: 512, guest)
      let files = try shell(
        """
        mount -o loop '\(restored)' '\(scratch("mount"))'
        (cd '\(scratch("mount"))'; sha256sum one)
        umount '\(scratch("mount"))'
        """)
      #expect(files == expected)
    }
  }
}
