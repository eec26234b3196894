// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

/// The commands themselves on a guest; what each starts is stopped in the middle of its work and looked at.
@Suite("Behind its walls is", .serialized, .enabled(if: isConfining, "the sandbox is off"))
struct ConfinedProcessTests {
  /// Calls `body` with an image file and, as root, with a block device.
  private func withDisks(_ file: String, _ body: (String) throws -> Void) throws {
    try body(file)
    if isRoot { try withLoopDevice(file) { try body($0) } }
  }

  /// Who a tool is that works on `disk`: a file can only be opened by its owner.
  private func owner(of disk: String) -> UInt32 {
    let (status, _) = examine(disk)
    return status.isBlockDevice || !Walls.changesUser ? Walls.user : status.st_uid
  }

  @Test("a reader: of an export that nobody takes") func reader() throws {
    try ConfinedBench.with { bench in
      try withDisks(bench.guest.disk) { disk in
        try whileHeld("guestsmith-worker", of: bench.export(disk)) { worker, _ in
          try Walls(isWorker: true, files: [disk, bench.output], handed: [disk, bench.output])
            .expect(worker)
        }
      }
    }
  }

  @Test("a reader: of a dump that is listed") func dumpReader() throws {
    try ConfinedBench.with { bench in
      let line = "cd /; exec '\(program)' dump list --recursive '\(bench.dump)'"
      try whileHeld("guestsmith-worker", of: line) { worker, _ in
        try Walls(isWorker: true, files: [bench.dump], streams: ["pipe", "memory"], handed: [bench.dump])
          .expect(worker)
      }
    }
  }

  @Test("an editor: of a rename") func editor() throws {
    try ConfinedBench.with { bench in
      let copy = bench.scratch("copy")
      try copyImage(bench.guest.disk, to: copy)
      try withDisks(copy) { disk in
        try whileHeld(
          "guestsmith-worker", of: bench.rename(disk), where: { $0.descriptors([disk])[4] == disk && $0.writes(to: 4) },
          after: { try shell("dd if='\(bench.guest.disk)' of='\(disk)' bs=1M conv=notrunc status=none") }
        ) { worker, _ in
          try Walls(isWorker: true, files: [disk], handed: [disk]).expect(worker)
        }
      }
    }
  }

  @Test("a decoder: of an import that goes on") func decoder() throws {
    try ConfinedBench.with { bench in
      try withDisks(bench.target()) { disk in
        try whileHeld("guestsmith-worker", of: bench.importing("cat '\(bench.dump)'", to: disk)) { worker, _ in
          let spools = worker.descriptors([]).values.filter { $0.hasPrefix(bench.scratch("cache/tmp/")) }
          #expect(spools.count == 1)
          try Walls(isWorker: true, files: [disk, bench.input] + spools, streams: ["memory"], handed: [bench.input])
            .expect(worker)
        }
      }
    }
  }

  /// One of them looks for a seed, and has a file in memory for its user data.
  @Test("a prober: of a disk that is not a guest", arguments: [false, true]) func prober(looksForSeed: Bool) throws {
    try ConfinedBench.with { bench in
      let swap = try makeSparseFile(bench.scratch("other"), size: 16 << 20)
      try shell("mkswap -q '\(swap)' 2>&1")
      try withDisks(swap) { disk in
        try whileHeld(
          "guestsmith-worker", of: bench.rename(disk),
          where: {
            let found = $0.descriptors([disk])
            return found[4] == disk && (found[5] == "memory") == looksForSeed
          }
        ) { worker, _ in
          try Walls(isWorker: true, files: [disk], streams: looksForSeed ? ["memory"] : [], handed: [disk])
            .expect(worker)
        }
      }
    }
  }

  @Test("e2fsck, of a rename", arguments: [false, true]) func e2fsck(isForeign: Bool) throws {
    try ConfinedBench.with { bench in
      if isForeign {
        guard Walls.changesUser else { return }
        try shell("chown 12345:12345 '\(bench.guest.disk)'")
      }
      try withDisks(bench.guest.disk) { disk in
        try whileHeld("e2fsck", of: bench.rename(disk)) { tool, _ in
          #expect(tool.arguments.last == disk && tool.arguments.count <= 3, "\(tool.arguments)")
          try Walls(
            isWorker: false, files: [disk], places: [disk], streams: ["pipe", "memory"], user: owner(of: disk)
          ).expect(tool)
        }
      }
    }
  }

  @Test("resize2fs, of an import to a larger disk") func resize2fs() throws {
    try ConfinedBench.with { bench in
      try withDisks(bench.target(256 << 20)) { disk in
        let line =
          "cd /; exec '\(bench.scripts)/import' -i vm2 -b '\(disk)' -s '\(bench.swap)' <'\(bench.dump)'"
        try whileHeld("resize2fs", of: line) { tool, _ in
          #expect(tool.arguments == ["resize2fs", disk])
          try Walls(
            isWorker: false, files: [disk], places: [disk], streams: ["pipe", "memory"], user: owner(of: disk),
            variables: ["RESIZE2FS_FORCE_LAZY_ITABLE_INIT=1"]
          ).expect(tool)
        }
      }
    }
  }

  @Test("what unpacks an import that goes on", arguments: ["gzip", "xz", "bzip2", "lz4", "zstd"])
  func unpacker(tool: String) throws {
    try ConfinedBench.with { bench in
      let disk = try bench.target()
      try whileHeld(tool, of: bench.importing("\(tool) -1c '\(bench.dump)'", to: disk)) { unpacker, _ in
        try Walls(isWorker: false, streams: ["pipe", "memory"]).expect(unpacker)
      }
    }
  }

  @Test("an extractor: it makes files, so it is its caller still; but it executes nothing, and opens no socket")
  func extractor() throws {
    try ConfinedBench.with { bench in
      let folder = bench.scratch("extracted")
      let line = "cd /; exec '\(program)' dump extract '\(bench.dump)' / --to '\(folder)'"
      try whileHeld(
        "guestsmith-worker", of: line, where: { $0.descriptors([folder])[5] == folder },
        after: { try shell("rm -rf '\(folder)'; mkdir '\(folder)'") }
      ) { worker, _ in
        #expect(worker.arguments == ["guestsmith-worker"] && worker.environment == [])
        for status in try worker.statuses() { #expect(status["NoNewPrivs"] == "1" && status["Seccomp"] == "2") }
      }
    }
  }
}
