// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

/// Where a disk is not wiped, what its last tenant left stays in blocks that are free, and nowhere else.
@Suite("What a new filesystem calls used") struct LastTenantTests {
  private static let mark = "of-the-last-tenant-5d1c8f02b7e64a93"

  /// A disk of sectors that each begin with the mark.
  private func oldDisk(_ path: String, size: UInt64) throws -> String {
    try shell(
      "perl -e 'my $s = q(\(Self.mark)); print substr($s . q(x) x 512, 0, 512) x 2048 for 1 .. \(size >> 20)' >'\(path)'"
    )
    return path
  }

  /// How many sectors of the last tenant go into the next export.
  private func left(on disk: String, _ definition: InstalledDefinition, _ name: String) throws -> Int {
    let export = "'\(definition.folder)/export' -i \(name) -b '\(disk)' 2>/dev/null | zstd -dcq"
    return Int(try shell("\(export) | LC_ALL=C grep -aoF '\(Self.mark)' | wc -l")) ?? -1
  }

  @Test(
    "was written by an import, in every mode", arguments: ["none", "discard", "zero"],
    ["-t ext4 -b 4096", "-t ext3 -b 1024", "tar"])
  func imported(wipe: String, form: String) throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch, configuration: "wipe = \"\(wipe)\"\n")
      let disk = try oldDisk(scratch("old"), size: 400 << 20)
      var source = "tar -C '\(scratch("tree"))' --owner 0 --group 0 -c ."
      if form != "tar" {
        try shell("truncate -s 0 '\(guest.disk)'; truncate -s 64M '\(guest.disk)'")
        try shell("mke2fs -q -F \(form) -d '\(scratch("tree"))' '\(guest.disk)'")
        source = "'\(guest.definition.folder)/export' -i vm1.example.com -b '\(guest.disk)'"
      }
      let swap = try makeSparseFile(scratch("swap"), size: 1 << 20)
      let outcome = try bash(
        "set -o pipefail; \(source) | '\(guest.definition.folder)/import' -i vm2.example.com -b '\(disk)' -s '\(swap)'")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(try problems(of: disk) == nil)
      #expect(try left(on: disk, guest.definition, "vm2.example.com") == 0)
    }
  }

  @Test("and an import says where the disk could not discard", .enabled(if: isRoot, "needs root"))
  func saysSo() throws {
    try withScratch { scratch in
      let guest = try SmallGuest(in: scratch)
      // Nothing can be given back there.
      try shell("mkdir '\(scratch("ram"))'; mount -t ramfs none '\(scratch("ram"))'")
      defer { _ = try? shell("umount '\(scratch("ram"))'") }
      let disk = try oldDisk(scratch("ram/old"), size: 200 << 20)
      let swap = try makeSparseFile(scratch("swap"), size: 1 << 20)
      let folder = guest.definition.folder
      let outcome = try bash(
        "'\(folder)/export' -i vm1.example.com -b '\(guest.disk)' | '\(folder)/import' -i vm2 -b '\(disk)' -s '\(swap)'"
      )
      #expect(outcome.status == 0 && outcome.errors.contains("\(disk) can't discard"), "\(outcome)")
      #expect(try left(on: disk, guest.definition, "vm2") == 0)
    }
  }
}
