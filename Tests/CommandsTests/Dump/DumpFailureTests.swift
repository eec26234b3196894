// SPDX-License-Identifier: Apache-2.0
import LinuxIO
import Report
import TestSupport
import Testing

extension Dumps {
  @Suite("What goes wrong is told, and leaves nothing that could be taken for good")
  struct Failures {
    @Test("Export to a terminal")
    func terminal() throws {
      try withBench { bench in
        let line = "'\(bench.definition.folder)/export' -i vm1.example.com -b '\(bench.guest)'"
        let outcome = try bash("script --quiet --return --command \"\(line)\" /dev/null </dev/null")
        #expect(outcome.status == Failure.Code.usage.rawValue, "\(outcome)")
        #expect(outcome.output.contains("terminal"))
      }
    }

    @Test(
      "Export to a reader that goes away, and to a disk that is full",
      arguments: [
        ("| head -c 100000 > /dev/null", Failure.Code.io, "Broken pipe"), ("> full/dump", .space, "No space left"),
      ])
    func output(target: String, code: Failure.Code, words: String) throws {
      try withBench { bench in
        try shell("mkdir '\(bench.scratch("full"))' && mount -t tmpfs -o size=200k none '\(bench.scratch("full"))'")
        defer { _ = try? shell("umount --lazy '\(bench.scratch("full"))'") }
        let line = "'\(bench.definition.folder)/export' -i vm1.example.com -b '\(bench.guest)'"
        let outcome = try bash("cd '\(bench.scratch.path)'; \(line) \(target); exit ${PIPESTATUS[0]}")
        #expect(outcome.status == code.rawValue, "\(outcome)")
        #expect(outcome.errors.contains("cannot write to standard output: \(words)"), "\(outcome)")
      }
    }

    @Test("Export of a disk that can't be read to its end, and import of what it wrote")
    func unreadable() throws {
      try withBench { bench in
        // A loop device reads what its file has lost as an error.
        try withLoopDevice(bench.guest) { device in
          try shell("blockdev --flushbufs \(device)")
          try shell("truncate -s 3M '\(bench.guest)'")
          let line = "'\(bench.definition.folder)/export' -i vm1.example.com -b \(device) > '\(bench.dump)'"
          let outcome = try bash(line)
          #expect(outcome.status == Failure.Code.io.rawValue, "\(outcome)")
          #expect(outcome.errors.contains("cannot read \(device): Input/output error"), "\(outcome)")
        }
        let disk = try bench.disk("restored.img", size: 96 << 20)
        let outcome = try bench.import("cat '\(bench.dump)'", onto: disk)
        bench.expectRefusal(outcome, .dump, of: disk)
        #expect(outcome.errors.contains("Input/output error"), "the export's own words: \(outcome)")
      }
    }

    @Test("Export of an image file that lacks its end")
    func shortFile() throws {
      try withBench { bench in
        try shell("truncate -s 50M '\(bench.guest)'")
        let line = "'\(bench.definition.folder)/export' -i vm1.example.com -b '\(bench.guest)' > '\(bench.dump)'"
        let outcome = try bash(line)
        #expect(outcome.status == Failure.Code.device.rawValue, "\(outcome)")
        #expect(outcome.errors.contains("52428800") && outcome.errors.contains("100663296"), "\(outcome)")
        let disk = try bench.disk("restored.img", size: 96 << 20)
        bench.expectRefusal(try bench.import("cat '\(bench.dump)'", onto: disk), .dump, of: disk)
      }
    }

    @Test("Import onto a disk whose own disk is full")
    func fullTarget() throws {
      try withBench { bench in
        try bench.export()
        try shell("mkdir '\(bench.scratch("full"))' && mount -t tmpfs -o size=4m none '\(bench.scratch("full"))'")
        defer { _ = try? shell("umount --lazy '\(bench.scratch("full"))'") }
        let file = try makeSparseFile(bench.scratch("full/disk"), size: 96 << 20)
        let onFile = try bench.import("cat '\(bench.dump)'", onto: file)
        bench.expectRefusal(onFile, .space, of: file)
        try makeSparseFile(file, size: 96 << 20)
        try withLoopDevice(file) { device in
          let outcome = try bench.import("cat '\(bench.dump)'", onto: device)
          bench.expectRefusal(outcome, .space, .io, of: device)
        }
      }
    }

    @Test("Import of dumps with a bit flipped somewhere, or cut somewhere")
    func damaged() throws {
      try withBench { bench in
        try bench.export()
        let disk = try bench.disk("restored.img", size: 96 << 20)
        var random = SystemRandomNumberGenerator()
        let size = try readFile(bench.dump).count
        for round in 0..<20 {
          let place = round < 4 ? [0, 1, size - 1, size - 9][round] : Int.random(in: 0..<size, using: &random)
          let damage =
            round % 2 == 0
            ? #"perl -0777 -pe 'substr($_, \#(place), 1) ^= chr(1 << \#(round % 8))' '\#(bench.dump)'"#
            : "head -c \(place) '\(bench.dump)'"
          let outcome = try bench.import(damage, onto: disk)
          #expect(outcome.status == Failure.Code.dump.rawValue, "\(damage): \(outcome)")
          #expect(!isMountable(disk))
        }
      }
    }

    @Test("Import that is ended by a signal")
    func interrupted() throws {
      try withBench { bench in
        try bench.export()
        let disk = try copyImage(bench.guest, to: bench.scratch("restored.img"))
        let outcome = try bash(
          "(head -c 100000 '\(bench.dump)'; sleep 20) | "
            + "timeout --signal TERM 2 '\(bench.definition.folder)/import' -i vm2.example.com -b '\(disk)' "
            + "-s '\(bench.swap)'; exit ${PIPESTATUS[1]}")
        #expect(outcome.status == 124 || outcome.status == 143, "\(outcome)")
        #expect(!isMountable(disk))
      }
    }
  }
}
