// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// Each test takes a disk through all moments of what the program does to it.
@Suite("Killed at any moment")
struct KilledWholeDiskTests {
  @Test("a create of a whole disk leaves nothing that boots, or the new guest") func create() throws {
    try WholeDiskBench.with { bench in
      let (writes, copy) = try record(
        bench.line("create", "vm1.example.com", bench.disk), to: bench.disk, in: bench.scratch)
      try expectLast(of: writes, on: copy, as: bench.disk, .guest("vm1\n"), WholeDiskBench.layout)
    }
  }

  @Test(
    "an import of a whole disk leaves nothing that boots, or the guest as it is to be", arguments: PartitionedGuest.all)
  func `import`(_ layout: PartitionedGuest) throws {
    try WholeDiskBench.with { bench in
      let raw = try layout.make(in: bench.scratch)
      let (writes, copy) = try record(
        bench.line("import", "vm2.example.com", bench.disk, from: raw), to: bench.disk, in: bench.scratch)
      try expectLast(of: writes, on: copy, as: bench.disk, .guest("vm2\n"), layout)
    }
  }

  @Test(
    "a rename leaves the guest with its old name or the new one, and the same rename goes through then",
    arguments: [.debian, .logical] as [PartitionedGuest])
  func rename(_ layout: PartitionedGuest) throws {
    try WholeDiskBench.with { bench in
      let disk = try layout.make(in: bench.scratch)
      let old = ["OLD_INSTANCE_NAME": "vm1.example.com"]
      let (writes, copy) = try record(bench.line("rename", "web.example.org", disk, old), to: disk, in: bench.scratch)
      let again = bench.scratch("again")
      for index in 0..<writes.count {
        try writes.apply(index, to: copy)
        try copyImage(copy, to: again)
        // As the guest does when it boots.
        let check = try bash("e2fsck -fp '\(layout.rootOn(again))'")
        #expect(check.status <= 1, "after \(index + 1) of \(writes.count) writes: \(check)")
        let name = try guestFile("/etc/hostname", on: layout.rootOn(again))
        #expect(name == "vm1\n" || name == "web\n", "after \(index + 1) of \(writes.count) writes")
        try copyImage(copy, to: again)
        let outcome = try bash(bench.line("rename", "web.example.org", again, old))
        #expect(outcome.status == 0, "after \(index + 1) of \(writes.count) writes: \(outcome)")
        #expect(try layout.faults(of: again) == [])
        #expect(try guestFile("/etc/hostname", on: layout.rootOn(again)) == "web\n")
        #expect(try guestFile("/etc/hosts", on: layout.rootOn(again)) == "127.0.1.1 web.example.org web\n")
      }
      #expect(try bash("cmp '\(copy)' '\(disk)'").status == 0, "all writes were seen")
    }
  }

  /// What a line of shell writes to a disk, and a copy of the disk as it was before.
  private func record(
    _ line: String, to disk: String, in scratch: Scratch
  ) throws -> (writes: RecordedWrites, copy: String) {
    let copy = try copyImage(disk, to: scratch("copy"))
    let writes = try RecordedWrites(to: disk, by: line, in: scratch)
    #expect(writes.outcome.status == 0 && writes.count > 5, "\(writes.outcome)")
    return (writes, copy)
  }

  /// Expects that the last write is what makes the guest.
  private func expectLast(
    of writes: RecordedWrites, on copy: String, as disk: String, _ expected: WholeDiskBench.State,
    _ layout: PartitionedGuest
  ) throws {
    var states: [WholeDiskBench.State] = []
    for index in 0..<writes.count {
      try writes.apply(index, to: copy)
      let isSame = index > 0 && index < writes.count - 1 && !writes.isAtAnEnd(index, of: 700 << 20)
      states.append(isSame ? states[index - 1] : try WholeDiskBench.state(of: copy, layout))
    }
    #expect(try bash("cmp '\(copy)' '\(disk)'").status == 0, "all writes were seen")
    #expect(states.firstIndex { $0 != .nothing } == writes.count - 1, "\(states)")
    #expect(states.last == expected)
    let faults = try layout.faults(of: copy)
    #expect(faults == [])
  }
}
