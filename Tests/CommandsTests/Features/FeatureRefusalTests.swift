// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

/// Filesystems that can't be changed or enlarged here, and what must not be done to them.
@Suite("Features that stand in the way")
struct FeatureRefusalTests {
  private func withBench(
    _ options: String, edits: [String] = [], _ body: (FeatureBench) throws -> Void
  ) throws {
    try withScratch { scratch in
      try body(try FeatureBench(FeatureLayout("here", options, edits: edits), in: scratch))
    }
  }

  /// Turns features on that no tool of this machine does.
  private func turnOn(_ features: String, on disk: String) throws {
    try shell("debugfs -w -R 'feature \(features)' '\(disk)'")
  }

  @Test("A filesystem with a journal on another disk is neither exported nor imported")
  func journalElsewhere() throws {
    try withBench("-t ext4 -O ^has_journal") { bench in
      let disk = try bench.disk("other.img", size: FeatureBench.size)
      try bench.export()
      let journal = try bench.disk("journal.img", size: 16 << 20)
      // What tune2fs -J device= writes, which takes block devices only: s_journal_uuid and a journal that is not an inode.
      try shell("mke2fs -q -F -O journal_dev '\(journal)'")
      try turnOn("has_journal", on: bench.guest)
      let uuid = try #require(try tag("UUID", of: journal))
      try shell("debugfs -w -R 'set_super_value journal_uuid \(uuid)' '\(bench.guest)'")
      let before = try digest(of: bench.guest)
      let export = try bash("'\(bench.definition.folder)/export' -i old.example.com -b '\(bench.guest)' | wc -c")
      #expect(export.errors.contains("its journal on another disk, \(uuid)"), "\(export)")
      let rename = try bench.rename(bench.guest, to: "new.example.com")
      #expect(rename.status == Failure.Code.guest.rawValue, "\(rename)")
      #expect(try digest(of: bench.guest) == before)
      try shell("cp '\(bench.guest)' '\(bench.scratch("dump"))'")
      let imported = try bench.import(onto: disk, as: "new.example.com")
      #expect(imported.status == Failure.Code.guest.rawValue, "\(imported)")
      #expect(imported.errors.contains("its journal on another disk, \(uuid)"), "\(imported)")
      #expect(try tag("TYPE", of: disk) == nil)
      // The journal itself is a disk as any other.
      try shell("cp '\(journal)' '\(bench.scratch("dump"))'")
      let moved = try bench.import(onto: disk, as: "new.example.com")
      try EndToEnd.succeeded(moved)
      #expect(try tag("TYPE", of: disk) == "jbd")
      let renamed = try bench.rename(disk, to: "new.example.com")
      try EndToEnd.succeeded(renamed)
      #expect(renamed.errors.contains("stays as it is"), "\(renamed)")
    }
  }

  @Test(
    "Where a bitmap can't be right, all that is not zero is dumped, which is said",
    arguments: [
      ("-t ext4 -b 1024 -O ^metadata_csum,^uninit_bg", ["block_bitmap 98300"]),
      ("-t ext4 -b 1024 -O ^metadata_csum,uninit_bg", ["flags 2", "checksum calc"]),
      ("-t ext4 -b 1024", ["flags 2", "checksum calc"]),
      ("-t ext4 -b 4096 -N 8000 -O bigalloc -C 16384", ["flags 2", "checksum calc"]),
    ])
  func wrongBitmap(options: String, edits: [String]) throws {
    try withBench(options) { bench in
      try bench.export()
      let believed = try digest(of: bench.scratch("dump"))
      let block = try #require(UInt64(try shell("debugfs -R 'bmap /srv/numbers 0' '\(bench.guest)' 2>/dev/null")))
      let perGroup = try #require(
        UInt64(try shell("dumpe2fs -h '\(bench.guest)' 2>/dev/null | sed -n 's/^Blocks per group: *//p'")))
      let group = (block - (options.contains("-b 1024") ? 1 : 0)) / perGroup
      for edit in edits { try shell("debugfs -w -R 'set_block_group \(group) \(edit)' '\(bench.guest)'") }
      let outcome = try bash(
        "'\(bench.definition.folder)/export' -i old.example.com -b '\(bench.guest)' > '\(bench.scratch("dump"))'")
      try EndToEnd.succeeded(outcome)
      #expect(outcome.errors.contains("the bitmaps are not believed: group \(group) has"), "\(outcome)")
      #expect(try digest(of: bench.scratch("dump")) != believed)
      let folder = try bench.scratch.folder("out")
      try shell("'\(program)' dump extract '\(bench.scratch("dump"))' /srv/numbers --to '\(folder)'")
      #expect(try shell("cd '\(folder)' && cat numbers 2>/dev/null || cat srv/numbers") == shell("seq 100000"))
    }
  }

  @Test(
    "A guest of an archive in which e2fsck finds an error at last is not left to be mounted",
    .enabled(if: isRoot, "needs root"))
  func errorsAtLast() throws {
    try withBench("-t ext4") { bench in
      try shell("tar -C '\(FeatureBench.files.get())' -cf '\(bench.scratch("dump"))' .")
      // What a fault of ours or of the disk would bring about, before the last check.
      // The checker in its place is a script, which a confined one could not be.
      try shell("echo 'sandbox = \"off\"' >>'\(bench.definition.folder)/guestsmith.toml'")
      let real = try shell("cp \"$(readlink -f /sbin/e2fsck)\" '\(bench.scratch("real"))'; readlink -f /sbin/e2fsck")
      try bench.scratch.write(
        """
        #!/bin/bash
        [ "$1" != -fn ] || debugfs -w -R 'clri /etc/fstab' "${@: -1}" 2>/dev/null
        exec '\(bench.scratch("real"))' "$@"

        """, to: "e2fsck", mode: 0o755)
      let disk = try bench.disk("imported.img", size: 160 << 20)
      let swap = try bench.disk("swap.img", size: 4 << 20)
      try bench.scratch.write(
        """
        mount --bind '\(bench.scratch("e2fsck"))' '\(real)'
        '\(bench.definition.folder)/import' -i new.example.com -b '\(disk)' -s '\(swap)' < '\(bench.scratch("dump"))'

        """, to: "inside")
      let outcome = try bash("unshare --mount --propagation private bash '\(bench.scratch("inside"))'")
      #expect(outcome.status == Failure.Code.guest.rawValue, "\(outcome)")
      #expect(outcome.errors.contains("the restored filesystem has errors; e2fsck says:"), "\(outcome)")
      #expect(try tag("TYPE", of: disk) == nil)
    }
  }

  @Test(
    "A filesystem that can't be changed here is restored as it was, which is said, and not renamed",
    arguments: [
      ("FEATURE_I20", "newer e2fsprogs"), ("FEATURE_R31", "newer e2fsprogs"), ("shared_blocks", "reading only"),
    ])
  func unchangeable(features: String, words: String) throws {
    try withBench("-t ext4") { bench in
      try turnOn(features, on: bench.guest)
      let before = try digest(of: bench.guest)
      let rename = try bench.rename(bench.guest, to: "new.example.com")
      #expect(rename.status == Failure.Code.guest.rawValue && rename.errors.contains(words), "\(rename)")
      #expect(try digest(of: bench.guest) == before)
      try bench.export()
      let disk = try bench.disk("imported.img", size: FeatureBench.size)
      let outcome = try bench.import(onto: disk, as: "new.example.com")
      try EndToEnd.succeeded(outcome)
      #expect(outcome.errors.contains("the guest stays as it was"), "\(outcome)")
      let differences = try bash("cmp -l '\(bench.guest)' '\(disk)' | wc -l")
      #expect(differences.output == "0\n", "\(differences)")
    }
  }

  @Test("A guest whose filesystem can't be enlarged stays, with a note of its size")
  func keepsItsSize() throws {
    try withBench("-t ext4 -b 4096 -N 8000 -O bigalloc") { bench in
      try bench.export()
      let disk = try bench.disk("imported.img", size: 300 << 20)
      let outcome = try bench.import(onto: disk, as: "new.example.com")
      try EndToEnd.succeeded(outcome)
      #expect(outcome.errors.contains("keeps its 96 MiB of the disk's 300 MiB"), "\(outcome)")
      try bench.expectGuest(on: disk, named: "new.example.com")
    }
  }

  @Test("Nobody waits as long as a guest's disk says (mmp)")
  func longInterval() throws {
    try withBench("-t ext4 -b 4096 -O mmp,^metadata_csum -E mmp_update_interval=1") { bench in
      try shell(
        """
        block=$(dumpe2fs -h '\(bench.guest)' 2>/dev/null | sed -n 's/^MMP block number: *//p')
        printf '\\377\\377' | dd of='\(bench.guest)' bs=1 seek=$((block * 4096 + 112)) conv=notrunc status=none
        """)
      let outcome = try bench.rename(bench.guest, to: "new.example.com")
      #expect(outcome.status == Failure.Code.guest.rawValue, "\(outcome)")
      #expect(outcome.errors.contains("every 65535 seconds; 300 are the most"), "\(outcome)")
    }
  }

  @Test("A guest that another machine has mounted (mmp) is not renamed; one that nobody has is, and its copy is free")
  func mounted() throws {
    // Without checksums of metadata anybody can write into the block.
    try withBench("-t ext4 -O mmp,^metadata_csum -E mmp_update_interval=1") { bench in
      let place = try shell(
        "dumpe2fs -h '\(bench.guest)' 2>/dev/null | awk '/^MMP block number/ { n = $4 } /^Block size/ { s = $3 } "
          + "END { print n * s + 4 }'")
      let mark = "dd of='\(bench.guest)' bs=1 seek=\(place) conv=notrunc status=none"
      try shell("printf 'once' | \(mark)")
      try bench.export()
      let copy = try copyImage(bench.guest, to: bench.scratch("copy.img"))
      let outcome = try bash(
        "(while sleep 1; do printf \"%04d\" $SECONDS | \(mark); done) & "
          + "'\(bench.definition.folder)/rename' -o old.example.com -n new.example.com -b '\(bench.guest)' -s /dev/null; "
          + "s=$?; kill $!; exit $s")
      #expect([Failure.Code.busy.rawValue, Failure.Code.guest.rawValue].contains(outcome.status), "\(outcome)")
      #expect(outcome.errors.contains("MMP"), "\(outcome)")
      #expect(try guestFile("/etc/hostname", on: bench.guest) == "old\n")
      let rename = try bench.rename(copy, to: "new.example.com")
      try EndToEnd.succeeded(rename)
      try bench.expectGuest(on: copy, named: "new.example.com")
      let disk = try bench.disk("imported.img", size: FeatureBench.size)
      try EndToEnd.succeeded(bench.import(onto: disk, as: "new.example.com"))
      try bench.expectGuest(on: disk, named: "new.example.com")
      for disk in [copy, disk] {
        #expect(try shell("debugfs -R dump_mmp '\(disk)' 2>/dev/null").contains("sequence: ff4d4d50"), "\(disk)")
      }
    }
  }

  @Test(
    "An import onto sectors larger than the blocks is refused, as create refuses it",
    .enabled(if: isRoot, "needs root"),
    arguments: ["dump", "raw", "tar"])
  func sectors(form: String) throws {
    try withBench("-t ext4 -b 1024") { bench in
      if form == "raw" {
        try shell("cp '\(bench.guest)' '\(bench.scratch("dump"))'")
      } else if form == "tar" {
        try shell("tar -C '\(FeatureBench.files.get())' -cf '\(bench.scratch("dump"))' .")
        try shell("echo 'block_size = 1024' >> '\(bench.definition.folder)/guestsmith.toml'")
      } else {
        try bench.export()
      }
      let file = try bench.disk("large.img", size: FeatureBench.size)
      try withLoopDevice(file, sectorSize: 4096) { disk in
        let outcome = try bench.import(onto: disk, as: "new.example.com")
        #expect(outcome.status == Failure.Code.device.rawValue, "\(outcome)")
        #expect(outcome.errors.contains("has sectors of 4096 bytes"), "\(outcome)")
      }
      #expect(try tag("TYPE", of: file) == nil)
    }
  }
}
