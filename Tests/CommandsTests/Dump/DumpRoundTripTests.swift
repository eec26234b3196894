// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

extension Dumps {
  @Suite("A disk comes back from its dump")
  struct RoundTrips {
    @Test("A guest on ext2, ext3 and ext4, with all its files", arguments: ["ext2", "ext3", "ext4"])
    func ext(type: String) throws {
      try withBench(type: type) { bench in
        try bench.export()
        let disk = try bench.disk("restored.img", size: 96 << 20)
        try EndToEnd.succeeded(bench.import("cat '\(bench.dump)'", onto: disk))
        try bench.expectGuest(on: disk)
        #expect(try tag("TYPE", of: disk) == type)
        #expect(try allocated(disk) < 16 << 20, "a sparse file stays sparse")
      }
    }

    @Test(
      "A disk that is not an ext filesystem, bit for bit, on a larger disk",
      arguments: [
        "truncate -s 400M D; mkfs.xfs -q D",
        "truncate -s 150M D; printf x | dd of=D bs=1 seek=140M conv=notrunc",
        "truncate -s 64M D; printf '2048,4096\\n;' | sfdisk -q D", "head -c 3000001 /dev/urandom > D",
        "truncate -s 32M D",
        "head -c 20000000 /dev/zero > D; truncate -s 64M D", "printf 1 > D",
      ])
    func other(making: String) throws {
      try withBench { bench in
        try shell("cd '\(bench.scratch.path)'; { \(making.replacing("D", with: "disk.img")); } 2>/dev/null")
        let source = bench.scratch("disk.img")
        try bench.export(source)
        let size = try Descriptor(source, O_RDONLY).status().st_size
        let disk = try bench.disk("restored.img", size: UInt64(size) + 1_000_000)
        let outcome = try bench.import("cat '\(bench.dump)'", onto: disk)
        try EndToEnd.succeeded(outcome)
        #expect(outcome.errors.contains("under its old name"))
        try shell("cmp --bytes=\(size) '\(source)' '\(disk)'")
        try shell("cmp --bytes=1000000 --ignore-initial=\(size):0 '\(disk)' /dev/zero")
        try shell("zstd -dc '\(bench.dump)' | tar -xSO disk.raw | cmp - '\(source)'")
      }
    }

    @Test("A disk with a GPT and no system in it, with the copy of its table at the new end") func table() throws {
      try withBench { bench in
        let source = bench.scratch("disk.img")
        try shell(
          """
          truncate -s 100M '\(source)'; printf 'label: gpt\\n2048,40000\\n;' | sfdisk -q '\(source)'
          mke2fs -q -E offset=1048576 '\(source)' 20000k 2>/dev/null
          """)
        try bench.export(source)
        let disk = try bench.disk("restored.img", size: 120 << 20)
        let outcome = try bench.import("cat '\(bench.dump)'", onto: disk)
        try EndToEnd.succeeded(outcome)
        #expect(outcome.errors.contains("under its old name"), "\(outcome)")
        #expect(try shell("sgdisk --verify '\(disk)'").contains("No problems found"))
        try shell("cmp --ignore-initial=\(1 << 20) --bytes=\(98 << 20) '\(source)' '\(disk)'")
        try shell("zstd -dc '\(bench.dump)' | tar -xSO disk.raw | cmp - '\(source)'")
      }
    }

    @Test("Both on block devices, with sectors of 512 and 4096 bytes", arguments: [512, 4096])
    func blockDevices(sectorSize: Int) throws {
      try withScratch { scratch in
        try withBench { bench in
          // Blocks of 1 KiB can't be mounted from larger sectors.
          try shell("mke2fs -q -F -t ext4 -b 4096 '\(bench.guest)' 64M")
          _ = try withMounted(bench.guest, options: "rw") { root in
            try shell("mkdir '\(root)/etc' && echo vm1 > '\(root)/etc/hostname' && cp /etc/passwd '\(root)/etc'")
          }
          let disk = try bench.disk("restored.img", size: 100 << 20)
          _ = try withLoopDevice(bench.guest, sectorSize: sectorSize) { try bench.export($0) }
          try withLoopDevice(disk, sectorSize: sectorSize) { device in
            try EndToEnd.succeeded(bench.import("cat '\(bench.dump)'", onto: device))
          }
          #expect(try problems(of: disk) == nil)
          #expect(try guestFile("/etc/hostname", on: disk) == "vm2\n")
        }
      }
    }

    @Test("A fresh filesystem takes no more room in a dump than what was written to it")
    func fresh() throws {
      try withBench { bench in
        let disk = try bench.disk("fresh.img", size: 10 << 30)
        try shell("mke2fs -q -F -t ext4 '\(disk)'")
        try bench.export(disk)
        let outcome = try bash("'\(program)' dump info --json '\(bench.dump)'")
        let manifest = try #require(JSON(parsing: Array(outcome.output.utf8)).array?.first?["manifest"])
        #expect(try #require(manifest["disk"]?["used"]?.integer) < 8 << 20, "\(outcome)")
        _ = try withLoopDevice(disk) { try bench.export($0) }
        let target = try bench.disk("restored.img", size: 10 << 30)
        #expect(try bench.import("cat '\(bench.dump)'", onto: target).status == 0)
        #expect(try problems(of: target) == nil)
      }
    }

    @Test("On a disk full of an earlier tenant's data that is not wiped", arguments: ["ext3", "ext4"])
    func unwiped(type: String) throws {
      try withBench(type: type, configuration: "wipe = \"none\"\n") { bench in
        // Blocks that the filesystem uses and that are holes: in the dump they are not.
        try shell("fallocate --dig-holes '\(bench.guest)'")
        try bench.export()
        let disk = bench.scratch("restored.img")
        try shell("tr '\\0' '\\377' < /dev/zero | head -c 100M > '\(disk)'")
        try EndToEnd.succeeded(bench.import("cat '\(bench.dump)'", onto: disk))
        try bench.expectGuest(on: disk)
        // What the kernel clears on its own, it must know of.
        _ = try withMounted(disk, options: "rw") { root in
          try shell("for i in $(seq 3000); do : > '\(root)/new-'$i; done")
        }
        #expect(try problems(of: disk) == nil)
      }
    }

    @Test("A disk without a filesystem, on one that is not wiped, has zeros where it had them")
    func unwipedOther() throws {
      try withBench(configuration: "wipe = \"none\"\n") { bench in
        let source = bench.scratch("disk.img")
        try shell(
          "cd '\(bench.scratch.path)'; truncate -s 30M disk.img; printf '2048,4096\\n6144,8192\\n' | sfdisk -q disk.img; "
            + "mke2fs -q -E offset=1048576 disk.img 2048k; mkswap -q --offset 3145728 disk.img 2>/dev/null || true")
        try bench.export(source)
        let told = try bash("'\(program)' dump info '\(bench.dump)'")
        #expect(told.output.contains("at byte 1048576, UUID"), "\(told)")
        let disk = bench.scratch("restored.img")
        try shell("tr '\\0' '\\377' < /dev/zero | head -c 31M > '\(disk)'")
        try EndToEnd.succeeded(bench.import("cat '\(bench.dump)'", onto: disk))
        try shell("cmp --bytes=$((30 << 20)) '\(source)' '\(disk)'")
      }
    }

    @Test("Onto a smaller disk where the files fit, and with both sizes where they don't")
    func smaller() throws {
      try withBench(size: 200 << 20) { bench in
        try bench.export()
        let disk = try bench.disk("restored.img", size: 40 << 20)
        try EndToEnd.succeeded(bench.import("cat '\(bench.dump)'", onto: disk))
        try bench.expectGuest(on: disk)
        for size in [9 << 20, 2 << 20] as [UInt64] {
          let small = try bench.disk("small.img", size: size)
          let outcome = try bench.import("cat '\(bench.dump)'", onto: small)
          bench.expectRefusal(outcome, .device, of: small)
          #expect(outcome.errors.contains("(\(size) bytes), too small"), "\(outcome)")
          #expect(outcome.errors.contains(size == 2 << 20 ? "(209715200 bytes)" : "files need"), "\(outcome)")
        }
        #expect(try shell("ls '\(bench.scratch("cache/tmp"))'") == "", "nothing stays in the cache")
      }
    }
  }
}
