// SPDX-License-Identifier: Apache-2.0
import Glibc
import LinuxIO
import Report
import TestSupport
import Testing

@Suite("A child with processes and mounts of its own", .enabled(if: isRoot, "needs root"))
struct IsolationTests {
  private func isolated(_ script: String) -> Command {
    var command = Command("/bin/bash", ["-c", script])
    command.isIsolated = true
    return command
  }

  private func output(_ script: String) throws -> String {
    String(decoding: try isolated(script).capture(limit: 10000).output, as: UTF8.self)
  }

  /// Whether a process of this machine has the words in its command line.
  private func runs(_ words: String) throws -> Bool { try bash("pgrep -f -- '^sleep \(words)$'").status == 0 }

  @Test("ends as the program does") func endsProgramDoes() throws {
    #expect(try isolated("exit 0").run().isSuccess)
    #expect(try isolated("exit 37").run() == .exited(37))
    #expect(try isolated("kill -TERM $$").run() == .signalled(SIGTERM))
    #expect(try isolated("kill -KILL $$").run() == .signalled(SIGKILL))
  }

  @Test("sees no process but its own, and can end none") func seesNoProcess() throws {
    let told = try output("echo /proc/[0-9]*; kill -KILL $PPID; kill -KILL -1 2>/dev/null; echo here")
    #expect(told == "/proc/1 /proc/2\nhere\n")
  }

  @Test("what it leaves behind ends with it") func leavesBehindEnds() throws {
    let seconds = "1000.\(getpid())1"
    // In a session of its own: no signal to the group reaches it.
    #expect(try isolated("setsid sleep \(seconds) >/dev/null 2>&1 </dev/null & exit 0").run().isSuccess)
    #expect(try eventually { try !runs(seconds) })
  }

  @Test("what it mounts nobody else sees") func mountsNobodyElse() throws {
    try withScratch { scratch in
      let folder = try scratch.folder("mount")
      #expect(try isolated("mount -t tmpfs none '\(folder)' && mountpoint -q '\(folder)'").run().isSuccess)
      #expect(try bash("mountpoint -q '\(folder)'").status != 0)
    }
  }

  @Test("is ended with all that it started when its owner drops it") func endedAllStarted() throws {
    let seconds = "1000.\(getpid())2"
    let command = isolated("trap '' TERM; setsid sleep \(seconds) & wait")
    do {
      let child = try command.start()
      #expect(try eventually { try runs(seconds) })
      _ = consume child
    }
    #expect(try eventually { try !runs(seconds) })
  }

  @Test("is asked to end before it is ended") func askedEndBefore() throws {
    try withScratch { scratch in
      let command = isolated(
        "trap 'echo undone > \(scratch("undone")); exit 1' TERM; touch \(scratch("begun")); while :; do sleep 0.01; done"
      )
      do {
        let child = try command.start()
        #expect(try eventually { try bash("[ -e '\(scratch("begun"))' ]").status == 0 })
        _ = consume child
      }
      #expect(try scratch.read("undone") == "undone\n")
    }
  }

  @Test("a program that is missing is told as without") func programMissingTold() throws {
    var command = Command("/no/such/program", [])
    command.isIsolated = true
    let failure = #expect(throws: Failure.self) { try command.run() }
    #expect(failure?.message == "cannot execute /no/such/program: No such file or directory")
  }

  @Test("gets one more descriptor by its number, a mask, and nothing else", arguments: [false, true])
  func getsOneMore(_ isIsolated: Bool) throws {
    try withScratch { scratch in
      let extra = try Descriptor(scratch("extra"), O_RDWR | O_CREAT, mode: 0o600)
      var command = Command("/bin/bash", ["-c", "umask; echo told >&11; ls /proc/$$/fd; true"])
      command.isIsolated = isIsolated
      command.creationMask = 0o077
      command.extras = [(11, extra.view)]
      let (status, output) = try command.capture(limit: 1000)
      #expect(status.isSuccess)
      #expect(String(decoding: output, as: UTF8.self) == "0077\n0\n1\n11\n2\n")
      #expect(try scratch.read("extra") == "told\n")
    }
  }

  @Test("a check that throws ends it") func checkThrowsEnds() throws {
    let seconds = "1000.\(getpid())3"
    let command = isolated("sleep \(seconds)")
    let failure = #expect(throws: Failure.self) {
      try command.start().wait { () throws(Failure) in throw Failure(.script, "enough") }
    }
    #expect(failure?.message == "enough")
    #expect(try !runs(seconds))
  }
}
