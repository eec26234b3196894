// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import TestSupport
import Testing

@Suite("A command that is killed", .serialized, .enabled(if: isConfining, "the sandbox is off"))
struct DeadBrokerTests {
  /// Kills the command alone while one of its processes is held, which no signal but this end can reach.
  private func expectEnd(
    of program: String, with line: String, where fits: (HeldProcess) -> Bool = { _ in true },
    after prepare: () throws -> Void = {}, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try whileHeld(program, of: line, where: fits, after: prepare) { process, command in
      // What feeds it is the test's.
      let all = children(of: command).filter { !["bash", "sleep"].contains(lasting(nameOf: $0)) }
        .map { (pid: $0, start: state(of: $0).start) }
      #expect(kill(command, SIGKILL) == 0)
      #expect(eventually { process.isGone }, "\(program) of \(line)", sourceLocation: sourceLocation)
      // A write to a busy disk is not interrupted.
      let areGone = eventually {
        all.allSatisfy { state(of: $0.pid).start != $0.start || ["", "Z"].contains(state(of: $0.pid).letter) }
      }
      #expect(areGone, "what else the command has started", sourceLocation: sourceLocation)
    }
  }

  @Test("takes what reads, checks and unpacks for it along") func tools() throws {
    try ConfinedBench.with { bench in
      let disk = try bench.target()
      try expectEnd(of: "guestsmith-worker", with: bench.export(bench.guest.disk))
      try expectEnd(of: "e2fsck", with: bench.rename(bench.guest.disk))
      try expectEnd(of: "guestsmith-worker", with: bench.importing("cat '\(bench.dump)'", to: disk))
      #expect(!isMountable(disk))
      try expectEnd(of: "zstd", with: bench.importing("zstd -c '\(bench.dump)'", to: disk))
      #expect(!isMountable(disk))
    }
  }

  @Test(
    "leaves a disk that does not mount, and no process, by a create",
    .enabled(if: canBootstrap, "needs ids to bootstrap"))
  func create() throws {
    try withScratch { scratch in
      let definition = try InstalledDefinition(in: scratch)
      let disk = try makeSparseFile(scratch("disk"), size: 4 << 30)
      let swap = try makeSparseFile(scratch("swap"), size: 64 << 20)
      let line = "cd /; exec '\(definition.folder)/create' -i vm1.example.com -b '\(disk)' -s '\(swap)'"
      try expectEnd(of: "guestsmith-worker", with: line)
      #expect(!isMountable(disk))
    }
  }

  @Test("by SIGTERM, at any moment, says that or is done, and leaves nothing behind") func interrupted() throws {
    try ConfinedBench.with { bench in
      var ends: [LinuxIO.ExitStatus] = []
      for _ in 0..<80 {
        var command = Command("\(bench.scripts)/export", ["-i", "vm1.example.com", "-b", bench.guest.disk])
        command.output = .null
        command.error = .null
        let broker = try command.start()
        var started: [Int32: String] = [:]
        let end = ContinuousClock.now + .microseconds(Int.random(in: 0...80_000))
        while ContinuousClock.now < end {
          for pid in children(of: broker.pid) { started[pid] = state(of: pid).start }
        }
        kill(broker.pid, SIGTERM)
        while !["Z", ""].contains(state(of: broker.pid).letter) {
          for pid in children(of: broker.pid) { started[pid] = state(of: pid).start }
        }
        ends.append(try broker.wait())
        for (pid, start) in started {
          #expect(eventually { state(of: pid).start != start || ["", "Z"].contains(state(of: pid).letter) })
        }
      }
      // Nothing is installed for it at the very beginning. What failed since its children were ended is not told as a failure.
      let known: [LinuxIO.ExitStatus] = [.exited(0), .exited(128 + SIGTERM), .signalled(SIGTERM)]
      #expect(ends.allSatisfy { known.contains($0) }, "\(ends)")
      #expect(ends.contains(.exited(128 + SIGTERM)))
    }
  }

  @Test("while it starts a worker leaves none behind") func starting() throws {
    try ConfinedBench.with { bench in
      for _ in 0..<20 {
        var command = Command("\(bench.scripts)/export", ["-i", "vm1.example.com", "-b", bench.guest.disk])
        command.output = .null
        command.error = .null
        let broker = try command.start()
        var started: [Int32: String] = [:]
        // Each as soon as it is there, be it confined by then or not.
        while started.count < 2, !["Z", ""].contains(state(of: broker.pid).letter) {
          for pid in children(of: broker.pid) { started[pid] = state(of: pid).start }
        }
        kill(broker.pid, SIGKILL)
        for (pid, start) in started {
          #expect(eventually { state(of: pid).start != start || ["", "Z"].contains(state(of: pid).letter) })
        }
        _ = try broker.wait()
      }
    }
  }
}
