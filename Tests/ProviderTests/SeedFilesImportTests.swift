// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import TestSupport
import Testing

@testable import Provider

@Suite("A guest on ext that has cloud-init")
struct SeedFilesImportTests {
  private static let folder = "/var/lib/cloud/seed/nocloud"

  private func make(_ layout: PartitionedGuest, in scratch: Scratch, hasCloudInit: Bool = true) throws -> String {
    if hasCloudInit { try scratch.write("datasource_list: [NoCloud]\n", to: "tree/etc/cloud/cloud.cfg") }
    return try layout.make(in: scratch)
  }

  @Test("gets a seed among its files where configure says so, which a rename changes") func seed() throws {
    try withScratch { scratch in
      let (guest, layout) = (try SmallGuest(in: scratch), PartitionedGuest.debian)
      let raw = try make(layout, in: scratch)
      let disk = try guest.disk(mebibytes: 300)
      let root = layout.rootOn(disk)
      _ = try guest.restore(
        raw, to: disk, as: "vm2.example.com", parameters: ["configure": "seed", "user_data": "#!/bin/sh\ntrue\n"])
      #expect(try layout.faults(of: disk) == [])
      #expect(try guestFile("\(Self.folder)/user-data", on: root) == "#!/bin/sh\ntrue\n")
      #expect(try guestFile("/etc/hostname", on: root) == "vm2\n")
      let stat = try shell("debugfs -R 'stat \(Self.folder)/user-data' '\(root)' 2>/dev/null")
      #expect(stat.contains("Mode:  0600") && stat.contains("User:     0"), "\(stat)")
      func metaData() throws -> JSON {
        try JSON(parsing: Array(try #require(try guestFile("\(Self.folder)/meta-data", on: root)).utf8))
      }
      let first = try metaData()
      #expect(first["local-hostname"] == "vm2.example.com")
      try guest.run(
        guest.request(.rename(from: InstanceName("vm2.example.com")), "web.example.org", disks: [disk]))
      #expect(try metaData()["local-hostname"] == "web.example.org")
      #expect(try metaData()["instance-id"] == first["instance-id"])
      #expect(try layout.faults(of: disk) == [])
    }
  }

  @Test("has its files edited otherwise, is left alone, or is refused", arguments: ["auto", "files", "none", "seed"])
  func other(mode: String) throws {
    try withScratch { scratch in
      let (guest, layout) = (try SmallGuest(in: scratch), PartitionedGuest.debian)
      let raw = try make(layout, in: scratch, hasCloudInit: mode != "seed")
      let disk = try guest.disk(mebibytes: 300)
      let parameters = ["configure": mode, "user_data": "#!/bin/sh\n"]
      guard mode != "seed" else {
        let failure = #expect(throws: Failure.self) {
          try guest.restore(raw, to: disk, as: "vm2.example.com", parameters: parameters)
        }
        #expect(failure?.message.contains("the guest has no cloud-init") == true)
        #expect(try bash("blkid -p '\(disk)'").output == "")
        return
      }
      let told = try guest.restore(raw, to: disk, as: "vm2.example.com", parameters: parameters)
      #expect(try layout.faults(of: disk) == [])
      #expect(try guestFile("\(Self.folder)/meta-data", on: layout.rootOn(disk)) == nil)
      #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == (mode == "none" ? "vm1\n" : "vm2\n"))
      #expect(told.contains(mode == "none" ? "(configure = none)" : "user_data is not used"), "\(told)")
      guard mode == "none" else { return }
      try guest.run(
        guest.request(.rename(from: InstanceName("vm1.example.com")), "web.example.org", disks: [disk]),
        parameters: ["configure": "none"])
      #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == "vm1\n")
    }
  }
}
