// SPDX-License-Identifier: Apache-2.0
import Report
import TestSupport
import Testing

/// `backup verify --all`.
@Suite struct VerifyAllTests {
  /// Exports of one guest: bad1 has a byte changed, bad2 is cut off, bad3 lacks its dump, other is in a format of its own.
  private func withExports(_ body: (TestHost) throws -> Void) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try shell(
        """
        cd '\(folder.path)'; mkdir -p state/exports; cd state/exports; mkdir vm1
        printf '%s\\n' '[export]' 'version = 0' 'timestamp = 1700000000' 'source = node1' 'os = one' 'compression = none' \
          '[instance]' 'name = vm1' 'disk_count = 1' 'disk0_size = 8' 'disk0_ivname = disk/0' 'disk0_dump = disk0.dump' \
          'nic_count = 0' >vm1/config.ini
        truncate -s 8M ../../disk; mke2fs -q -t ext4 ../../disk
        """)
      let definition = try InstalledDefinition(in: folder, cache: folder("cache"))
      let outcome = try bash(
        "'\(definition.folder)/export' -i vm1 -b '\(folder("disk"))' >'\(folder("state/exports/vm1/disk0.dump"))'")
      #expect(outcome.status == 0, "\(outcome)")
      try shell(
        """
        cd '\(folder("state/exports"))'; for name in bad1 bad2 bad3 other zone; do cp -r vm1 $name; done
        printf X | dd of=bad1/disk0.dump bs=1 seek=900 conv=notrunc status=none
        truncate -s -9 bad2/disk0.dump; rm bad3/disk0.dump; head -c 9999 /dev/zero >other/disk0.dump
        """)
      try body(host)
    }
  }

  @Test("every export is verified, also behind damaged ones, and the exit status tells the truth")
  func goesOn() throws {
    try withExports { host in
      let outcome = try host.program("backup verify --all --state state --json --quiet")
      #expect(outcome.status == 7, "\(outcome)")
      let told = try #require(JSON(parsing: Array(outcome.output.utf8)).array)
      #expect(told.compactMap { $0["name"]?.string } == ["bad1", "bad2", "bad3", "other", "vm1", "zone"])
      #expect(
        told.compactMap { $0["result"]?.string } == ["damaged", "damaged", "damaged", "unknown", "good", "good"])
      #expect(told.map { $0["reason"]?.string != nil } == [true, true, true, false, false, false])
      #expect(told.allSatisfy { $0["timestamp"] == 1_700_000_000 })
      #expect(told[4]["bytes"]?.integer == told[5]["bytes"]?.integer && told[2]["bytes"] == 0)
      #expect(outcome.errors.contains("3 of 6 exports cannot be relied on: bad1, bad2, bad3"), "\(outcome)")
      let table = try host.program("backup verify --all --state state")
      #expect(table.status == 7 && table.output.contains("damaged: the dump is damaged at byte "), "\(table)")
      #expect(table.errors.contains("verify 6 exports"), "\(table)")
    }
  }

  @Test("where nothing is damaged the exit status is 0, and a damaged one that was removed is not missed")
  func allGood() throws {
    try withExports { host in
      for name in ["bad1", "bad2", "bad3"] {
        #expect(try host.program("backup remove \(name) --state state").status == 0)
      }
      let outcome = try host.program("backup verify --all --state state")
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.errors.contains("verify 3 exports"))
    }
  }

  @Test("a state folder that is missing is a failure, and one without exports is not") func missing() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      let none = try host.program("backup verify --all --state typo --json")
      #expect(none.status == Failure.Code.io.rawValue && none.output.isEmpty, "\(none)")
      #expect(none.errors.contains("cannot look for exports in \(folder("typo"))/exports"), "\(none)")
      try folder.folder("state/exports")
      let empty = try host.program("backup verify --all --state state --json")
      #expect(empty.status == 0 && empty.errors.contains("0 exports were checked"), "\(empty)")
    }
  }

  @Test("neither an export nor --all, and both, are refused", arguments: ["", "vm1 --all"])
  func refused(_ words: String) throws {
    try withScratch { folder in
      let outcome = try TestHost(folder).program("backup verify \(words) --state state")
      #expect(outcome.status == 2, "\(outcome)")
    }
  }
}
