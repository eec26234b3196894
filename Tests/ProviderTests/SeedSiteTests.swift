// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("What a site adds to a guest that is told by a seed")
struct SeedSiteTests {
  /// Of an image whose root filesystem is an XFS.
  private func guest(_ scratch: Scratch, table: String = SmallGuest.gapTable, more: String = "") throws -> SmallGuest {
    let raw = try SmallGuest(in: scratch).emptyXFS(table: table)
    try shell("qemu-img convert -f raw -O qcow2 '\(raw)' '\(scratch("a.qcow2"))'")
    let script = try scratch.write("#!/bin/sh\nsecret\n", to: "join")
    try scratch.write("I am {{ name }}\n", to: "files/srv/motd.tmpl")
    return try SmallGuest(
      in: scratch,
      configuration: """
        image = "\(scratch("a.qcow2"))"
        verify = "none"
        files = "\(scratch("files"))"
        first_boot = ["\(script)"]
        \(more)
        """)
  }

  private func create(_ guest: SmallGuest, on disks: [String], _ parameters: [String: String] = ["configure": "seed"])
    throws -> String
  {
    let lines = Lines()
    try guest.run(
      guest.request(.create(isReinstall: false), "vm1.example.com", disks: disks), parameters: parameters,
      steps: Steps(.plain, write: { lines.write($0) }))
    return lines.all
  }

  private func faults(_ guest: SmallGuest, _ parameters: [String: String] = ["configure": "seed"]) -> [Failure] {
    var os = RequestedOS(definition: guest.definition, name: "guestsmith")
    os.parameters = parameters
    return VerifyPlan(os).faults
  }

  @Test("is in the seed, with what runs its scripts; a rename changes the name alone, which its templates follow")
  func seeded() throws {
    try withScratch { scratch in
      let guest = try guest(scratch)
      try shell("mkdir -p '\(scratch("files"))/opt/empty'; ln -s ../etc/motd '\(scratch("files"))/srv/link'")
      #expect(faults(guest) == [])
      let disk = try guest.disk(mebibytes: 500)
      let told = try create(guest, on: [disk])
      #expect(!told.contains("secret"))
      let seed = try #require(try SeedDisk(disk), "\(told)")
      #expect(try seed.faults(scratch) == [])
      let script = try #require(try seed.vendor("guestsmith-boot"))
      // base64(1) of the texts.
      #expect(script.contains("file '/srv/motd' 644 0:0 ") && script.contains("SSBhbSB2bTEK"), "\(script)")
      #expect(script.contains("file '/var/lib/guestsmith/first-boot/01-join' 700 0:0 "))
      #expect(script.contains("folder '/opt/empty' 755 0:0") && script.contains("link '/srv/link' '../etc/motd' 0:0"))
      #expect(try bash("sh -n '\(scratch.write(script, to: "script"))'").status == 0)
      #expect(try seed.vendor("guestsmith-first-boot")?.contains("systemctl start guestsmith-first-boot") == true)
      let vendor = try seed.file("vendor-data")
      let old = try InstanceName("vm1.example.com")
      try guest.run(guest.request(.rename(from: old), "web.example.org", disks: [disk]))
      #expect(try seed.metaData("local-hostname") == "web.example.org")
      #expect(try seed.file("vendor-data") == vendor)
      #expect(try seed.faults(scratch) == [])
    }
  }

  @Test("is refused by verify, and by create before the disk is touched, where a seed does not carry it")
  func refused() throws {
    try withScratch { scratch in
      let guest = try guest(scratch)
      let disk = try guest.disk(mebibytes: 500)
      let before = try digest(of: disk)
      func refusal(_ words: String) throws {
        let found = faults(guest)
        #expect(found.count == 1 && found[0].message.contains(words), "\(found)")
        let failure = #expect(throws: Failure.self) { try create(guest, on: [disk]) }
        #expect(failure?.message.contains(words) == true, "\(String(describing: failure))")
        #expect(try digest(of: disk) == before)
        // Without configure = seed the image tells.
        let late = #expect(throws: Failure.self) { try create(guest, on: [disk], [:]) }
        #expect(late?.message.contains(words) == true, "\(String(describing: late))")
        #expect(try bash("blkid -p '\(disk)'").output == "" && SeedDisk(disk) == nil)
      }
      try shell("head -c 800000 /dev/zero >'\(scratch("files"))/large'")
      try refusal("a partition for it holds 992 KiB")
      #expect(faults(guest)[0].remedy?.contains("disk_N = \"seed\"") == true)
      let disks = [disk, try guest.disk("seed", mebibytes: 2)]
      #expect(faults(guest, ["configure": "seed", "disk_1": "seed"]) == [])
      _ = try create(guest, on: disks, ["configure": "seed", "disk_1": "seed"])
      #expect(try shell("mdir -b -i '\(disks[1])'").contains("vendor-data"))
      #expect(try bash("fsck.fat -n '\(disks[1])'").status == 0)
    }
    try withScratch { scratch in
      let guest = try guest(scratch)
      guard try bash("setfattr -n user.site -v yes '\(scratch("files"))/srv/motd.tmpl'").status == 0 else { return }
      let found = faults(guest)
      #expect(found.first?.message.contains("has the extended attribute user.site") == true, "\(found)")
      let disk = try guest.disk(mebibytes: 500)
      let before = try digest(of: disk)
      #expect(throws: Failure.self) { try create(guest, on: [disk]) }
      #expect(try digest(of: disk) == before)
    }
  }
}
