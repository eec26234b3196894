// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@Suite("A worker that is killed", .enabled(if: isConfining, "the sandbox is off"))
struct KilledWorkerTests {
  /// Kills the worker of the script with the id `$script`, once that has one.
  private let kill = "until worker=$(pgrep -P $script -f guestsmith-worker); do sleep 0.02; done; kill -KILL $worker"

  private func guest(in scratch: Scratch) throws -> SmallGuest {
    // More than a pipe holds, and not to be compressed.
    let noise = try shell("head -c 400000 /dev/urandom | base64 -w 0")
    return try SmallGuest(in: scratch, files: ["/srv/noise": noise])
  }

  @Test("An export without its worker is a failure of the guest")
  func export() throws {
    try withScratch { scratch in
      let guest = try guest(in: scratch)
      let outcome = try bash(
        """
        cd '\(scratch.path)'; mkfifo pipe; sleep 1000 <>pipe & reader=$!
        '\(guest.definition.folder)/export' -i vm1.example.com -b '\(guest.disk)' >pipe & script=$!
        \(kill); wait $script; status=$?; kill $reader; exit $status
        """)
      #expect(outcome.status == 6, "\(outcome)")
      #expect(
        outcome.errors.contains("guestsmith: the worker that reads \(guest.disk) was killed by SIGKILL"), "\(outcome)")
    }
  }

  @Test("An import without its worker is a failure of the dump, and leaves nothing that could be taken for a guest")
  func `import`() throws {
    try withScratch { scratch in
      let guest = try guest(in: scratch)
      try shell("'\(guest.definition.folder)/export' -i vm1 -b '\(guest.disk)' >'\(scratch("dump"))' 2>/dev/null")
      let disk = try makeSparseFile(scratch("disk"), size: 64 << 20)
      let swap = try makeSparseFile(scratch("swap"), size: 1 << 20)
      let outcome = try bash(
        """
        cd '\(scratch.path)'; mkfifo pipe; { head -c 200000 dump; exec sleep 1000; } >pipe & writer=$!
        '\(guest.definition.folder)/import' -i vm1 -b '\(disk)' -s '\(swap)' <pipe & script=$!
        \(kill); wait $script; status=$?; kill $writer; exit $status
        """)
      #expect(outcome.status == 7, "\(outcome)")
      #expect(outcome.errors.contains("the worker that reads standard input was killed by SIGKILL"), "\(outcome)")
      #expect(try shell("head -c 1048576 '\(disk)' | tr -d '\\0' | wc -c") == "0")
    }
  }

  @Test("A script that is ended ends its worker")
  func ended() throws {
    try withScratch { scratch in
      let guest = try guest(in: scratch)
      let outcome = try bash(
        """
        cd '\(scratch.path)'; mkfifo pipe; sleep 1000 <>pipe & reader=$!
        '\(guest.definition.folder)/export' -i vm1.example.com -b '\(guest.disk)' >pipe & script=$!
        until worker=$(pgrep -P $script -f guestsmith-worker); do sleep 0.02; done
        kill -TERM $script; wait $script; status=$?; kill $reader
        [[ $(ps -o stat= -p $worker) =~ ^(Z.*)?$ ]] || exit 99; exit $status
        """)
      #expect(outcome.status == 128 + 15, "\(outcome)")
      #expect(outcome.errors.contains("interrupted by SIGTERM") && !outcome.errors.contains("failed"), "\(outcome)")
    }
  }
}
