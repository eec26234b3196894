// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import TestSupport
import Testing

/// The program's scripts on a guest with a seed.
@Suite("A guest with a seed") struct KilledSeedTests {
  private let table =
    "label: gpt\n1: start=1MiB size=39MiB\n2: start=100MiB size=320MiB type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n"

  private func line(
    _ script: String, _ name: String, _ disk: String, _ more: [String: String], _ definition: EnvironmentDefinition
  ) -> String {
    let words = EnvironmentDefinition.instance(name, disks: [disk]).merging(more) { $1 }
    return definition.line(script, words)
  }

  private func importing(_ disk: String) -> [String: String] {
    [
      "IMPORT_INDEX": "0", "IMPORT_DEVICE": disk, "IMPORT_DISK_PATH": disk, "OSP_CONFIGURE": "seed",
      "NIC_COUNT": "1", "NIC_0_MAC": "aa:00:00:11:22:33", "NIC_0_IP": "192.0.2.9", "NIC_0_MODE": "bridged",
      "NIC_0_NETWORK_SUBNET": "192.0.2.0/25",
      "OSP_ADDRESS": "static", "OSP_PREFIX": "24",
    ]
  }

  private func renaming(to address: String) -> [String: String] {
    var words = importing("").filter { !$0.key.hasPrefix("IMPORT") }
    words["OLD_INSTANCE_NAME"] = "vm2.example.com"
    (words["NIC_0_IP"], words["NIC_0_NETWORK_SUBNET"]) = (address, "192.0.2.0/25")
    return words
  }

  /// - Parameter isConfined: else the tasks of workers are threads of the program, so that one log has the writes of all.
  private func with(
    isConfined: Bool, _ body: (EnvironmentDefinition, SmallGuest, _ raw: String, _ disk: String) throws -> Void
  ) throws {
    try withScratch { scratch in
      let definition = try EnvironmentDefinition(in: scratch, cache: scratch("cache"))
      let guest = try SmallGuest(in: scratch, configuration: isConfined ? "" : "sandbox = \"off\"")
      try body(definition, guest, try guest.emptyXFS(table: table), try guest.disk(mebibytes: 500))
    }
  }

  @Test("gets it and is renamed by processes that can reach nothing else") func confined() throws {
    try with(isConfined: true) { definition, guest, raw, disk in
      var outcome = try bash(line("import", "vm2.example.com", disk, importing(disk), definition) + " <'\(raw)'")
      #expect(outcome.status == 0, "\(outcome)")
      outcome = try bash(line("rename", "web.example.org", disk, renaming(to: "192.0.2.9"), definition))
      #expect(outcome.status == 0, "\(outcome)")
      let seed = try #require(try SeedDisk(disk))
      #expect(try seed.faults(guest.scratch) == [])
      #expect(try seed.metaData("local-hostname") == "web.example.org")
    }
  }

  @Test("boots only when its import was done, whenever that was killed") func `import`() throws {
    try with(isConfined: false) { definition, guest, raw, disk in
      let copy = try copyImage(disk, to: guest.scratch("copy"))
      let call = line("import", "vm2.example.com", disk, importing(disk), definition) + " <'\(raw)'"
      let writes = try RecordedWrites(to: disk, by: call, in: guest.scratch)
      #expect(writes.outcome.status == 0 && writes.count > 5, "\(writes.outcome)")
      for index in 0..<writes.count {
        try writes.apply(index, to: copy)
        let mark = try Descriptor(copy, O_RDONLY).bytes(at: 510, count: 2)
        #expect((mark == [0x55, 0xAA]) == (index == writes.count - 1), "after \(index + 1) of \(writes.count) writes")
      }
      #expect(try bash("cmp '\(copy)' '\(disk)'").status == 0, "all writes were seen")
      #expect(try #require(try SeedDisk(copy)).metaData("local-hostname") == "vm2.example.com")
    }
  }

  @Test(
    "has a whole one whenever its rename was killed, and the same rename goes through then",
    arguments: ["192.0.2.9", "192.0.2.10"])
  func rename(address: String) throws {
    try with(isConfined: false) { definition, guest, raw, disk in
      let made = try bash(line("import", "vm2.example.com", disk, importing(disk), definition) + " <'\(raw)'")
      #expect(made.status == 0, "\(made)")
      let copy = try copyImage(disk, to: guest.scratch("copy"))
      let renaming = renaming(to: address)
      let writes = try RecordedWrites(
        to: disk, by: line("rename", "web.example.org", disk, renaming, definition), in: guest.scratch)
      #expect(writes.outcome.status == 0 && writes.count > 0, "\(writes.outcome)")
      let instance = try #require(try SeedDisk(copy)).metaData("instance-id")
      for index in 0..<writes.count {
        try writes.apply(index, to: copy)
        let seed = try #require(try SeedDisk(copy))
        #expect(try seed.faults(guest.scratch) == [])
        let isNew = try seed.metaData("local-hostname") == "web.example.org"
        #expect(isNew == (index == writes.count - 1), "after \(index + 1) of \(writes.count) writes")
        #expect(try (seed.metaData("instance-id") != instance) == (isNew && address != "192.0.2.9"))
        let again = try copyImage(copy, to: guest.scratch("again"))
        let outcome = try bash(line("rename", "web.example.org", again, renaming, definition))
        #expect(outcome.status == 0, "\(outcome)")
        let repeated = try #require(try SeedDisk(again))
        #expect(try repeated.metaData("local-hostname") == "web.example.org")
        #expect(try (repeated.metaData("instance-id") != instance) == (address != "192.0.2.9"))
        #expect(try repeated.file("network-config").contains("\(address)/25"))
      }
      #expect(try bash("cmp '\(copy)' '\(disk)'").status == 0, "all writes were seen")
    }
  }
}
