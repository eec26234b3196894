// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

@Suite("On a disk that fails")
struct FailingDiskTests {
  /// Runs a line of shell for which, from the call with that number on, these system calls on the disk fail.
  private func run(_ line: String, failing calls: String, from number: Int, on disk: String, in scratch: Scratch) throws
    -> Outcome
  {
    try bash(
      "strace -f -qq -o /dev/null -P '\(disk)' -e inject=\(calls):when=\(number)+ -e signal=none /bin/bash "
        + "'\(scratch.write(line, to: "line"))'")
  }

  /// Has one of the calls be the first that fails, of the first calls each and then fewer and fewer, and calls `body` with the
  /// outcome, until none fails any more.
  private func eachFailure(
    of call: String, _ error: String, by line: String, to disk: String, in scratch: Scratch, prepare: () throws -> Void,
    _ body: (Outcome, _ number: Int) throws -> Void
  ) throws {
    var number = 1
    while number < 10_000 {
      try prepare()
      let outcome = try run(line, failing: "\(call):error=\(error)", from: number, on: disk, in: scratch)
      if outcome.status == 0 {
        #expect(number > 3)
        return
      }
      try body(outcome, number)
      number += max(1, number / 4)
    }
    Issue.record("\(call) fails without an end")
  }

  private static let failures: [(call: String, error: String, code: Failure.Code, words: String)] = [
    ("pwrite64", "EIO", .io, "Input/output error"), ("pwrite64", "ENOSPC", .space, "No space left on device"),
    ("fsync", "EIO", .io, "Input/output error"),
  ]

  @Test("a create of a whole disk fails, names the disk, and leaves nothing that boots", arguments: 0..<3)
  func create(_ index: Int) throws {
    let (call, error, code, words) = Self.failures[index]
    try WholeDiskBench.with { bench in
      let line = bench.line("create", "vm1.example.com", bench.disk)
      try eachFailure(of: call, error, by: line, to: bench.disk, in: bench.scratch) {
      } _: { outcome, number in
        #expect(outcome.status == code.rawValue, "\(number): \(outcome)")
        #expect(outcome.errors.contains(bench.disk) && outcome.errors.contains(words), "\(number): \(outcome)")
        let state = try WholeDiskBench.state(of: bench.disk, WholeDiskBench.layout)
        #expect(state == .nothing, "\(number)")
      }
    }
  }

  @Test("an import of a whole disk fails, names the disk, and leaves nothing that boots", arguments: 0..<3)
  func `import`(_ index: Int) throws {
    let (call, error, _, _) = Self.failures[index]
    try WholeDiskBench.with { bench in
      let layout = PartitionedGuest.debian
      let line = bench.line("import", "vm2.example.com", bench.disk, from: try layout.make(in: bench.scratch))
      try eachFailure(of: call, error, by: line, to: bench.disk, in: bench.scratch) {
      } _: { outcome, number in
        // The tools of e2fsprogs have codes and words of their own.
        #expect(outcome.status != 0, "\(number): \(outcome)")
        #expect(outcome.errors.contains(bench.disk), "\(number): \(outcome)")
        let state = try WholeDiskBench.state(of: bench.disk, layout)
        #expect(state == .nothing, "\(number)")
      }
    }
  }

  @Test("a rename fails, and goes through when the disk is well again", arguments: 0..<3)
  func rename(_ index: Int) throws {
    let (call, error, code, words) = Self.failures[index]
    try WholeDiskBench.with { bench in
      let layout = PartitionedGuest.debian
      let disk = try layout.make(in: bench.scratch)
      let whole = try copyImage(disk, to: bench.scratch("whole"))
      let line = bench.line("rename", "web.example.org", disk, ["OLD_INSTANCE_NAME": "vm1.example.com"])
      try eachFailure(of: call, error, by: line, to: disk, in: bench.scratch) {
        try copyImage(whole, to: disk)
      } _: { outcome, number in
        #expect(outcome.status == code.rawValue, "\(number): \(outcome)")
        #expect(outcome.errors.contains(disk) && outcome.errors.contains(words), "\(number): \(outcome)")
        let again = try bash(line)
        #expect(again.status == 0, "\(number): \(again)")
        #expect(try layout.faults(of: disk) == [])
        #expect(try guestFile("/etc/hostname", on: layout.rootOn(disk)) == "web\n", "\(number)")
      }
    }
  }

  @Test(
    "a create whose disk is a file on a filesystem that fills up says so, and leaves nothing that boots",
    .enabled(if: isRoot, "needs root"))
  func full() throws {
    try WholeDiskBench.with { bench in
      let folder = try bench.scratch.folder("full")
      func mount(blocks: Int) throws {
        _ = try? shell("umount '\(folder)'")
        try shell("mount -t tmpfs -o size=\(blocks * 4096) none '\(folder)'")
      }
      let disk = folder + "/disk"
      let line = bench.line("create", "vm1.example.com", disk)
      try mount(blocks: 100_000)
      defer { _ = try? shell("umount --lazy '\(folder)'") }
      try makeSparseFile(disk, size: 700 << 20)
      #expect(try bash(line).status == 0)
      let needed = try #require(Int(shell("du --block-size=4096 '\(disk)' | cut -f 1")))
      // The last blocks are those of the table, and those before them of the loaders.
      for missing in [1, 2, 3, 5, 8, 13, 21, 34, 55, 300] {
        try mount(blocks: needed - missing)
        try makeSparseFile(disk, size: 700 << 20)
        let outcome = try bash(line)
        #expect(outcome.status == Failure.Code.space.rawValue, "\(missing): \(outcome)")
        #expect(outcome.errors.contains("No space left on device"), "\(missing): \(outcome)")
        #expect(outcome.errors.contains(disk), "\(missing): \(outcome)")
        #expect(try WholeDiskBench.state(of: disk, WholeDiskBench.layout) == .nothing, "\(missing)")
      }
    }
  }
}
