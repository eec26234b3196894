// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// The host's commands as an administrator types them.
@Suite struct CommandLineTests {
  private func guestsmith(_ folder: Scratch, _ line: String) throws -> Outcome {
    try bash("cd '\(folder.path)'\n'\(program)' \(line)")
  }

  /// Starts `create` in the background, which makes `pid` its process, waits until its script is under way, and goes
  /// on with `line`. What a shell has in the background ignores SIGINT, unless it is told not to.
  private func interrupted(_ folder: Scratch, _ line: String) throws -> Outcome {
    try bash(
      """
      cd '\(folder.path)'
      env --default-signal=INT '\(program)' \(create) & pid=$!
      for i in {1..12000}; do [ -e grandchild ] && break; sleep 0.01; done
      \(line)
      """)
  }

  private let create = """
    instance create vm1 -o one --state state --search-path os --log-dir log --disk 0:size=8 --disk 1:size=4
    """

  @Test("an installed definition is listed and found valid") func installedDefinitionListed() throws {
    try withScratch { folder in
      let installed = try guestsmith(folder, "os install --api 5 --into os")
      #expect(installed.status == 0)
      #expect(installed.output.contains("Installed \(folder("os/guestsmith"))"))
      #expect(installed.output.contains("\nNext: guestsmith instance create "))
      #expect(
        installed.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("warning: /bin/sh does not understand &>") })
      let again = try guestsmith(folder, "os install --api 5 --into os")
      #expect(again.status == 0)
      #expect(again.output.hasPrefix("Nothing to do: "))
      #expect(try guestsmith(folder, "os list --search-path os").output == "Name\nguestsmith\n")
      let diagnosis = try guestsmith(folder, "os diagnose --search-path os")
      #expect(diagnosis.status == 0)
      #expect(
        diagnosis.output == """
          OS: guestsmith [global status: valid]
            Node: \(try shell("hostname")), status: VALID (path: \(folder("os/guestsmith"))) [API versions: 5]


          """)
    }
  }

  @Test("one bad definition makes diagnose exit with 1, and list still lists the rest") func oneBadDefinition() throws {
    try withScratch { folder in
      try folder.define("good")
      try folder.define("bad", version: "bad\n")
      try shell("cd '\(folder.path)'; ln -s round round")
      let list = try guestsmith(folder, "os list --no-headers --search-path round:os")
      #expect(list.status == 0)
      #expect(list.output == "good\n")
      #expect(list.errors.contains("cannot read the folder \(folder("round"))"))
      #expect(try guestsmith(folder, "os diagnose --search-path os").status == 1)
      #expect(try guestsmith(folder, "os diagnose --search-path os --json").status == 1)
    }
  }

  @Test(
    "the exit status is that of the table, and a failure says so on standard error only",
    arguments: [
      ("os install --api 7", 2), ("os install", 2), ("os list --nope", 2), ("instance create", 2), ("nonsense", 2),
      ("instance create ../x --os one --disk 0:size=1", 3), ("os install --api 5 --name 'a b'", 3),
      ("instance create vm1 -o one \(TestHost.options) --disk 0:adopt=missing --disk 1:size=1", 4),
      ("instance create vm1 -o none \(TestHost.options) --disk 0:size=1 --disk 1:size=1", 10),
      ("instance create vm1 -o one \(TestHost.options) --disk 0:size=1 --disk 1:size=1", 10),
      ("instance create vm1 -o one \(TestHost.options) --disk 0:size=lots", 2), ("instance info vm1 --state state", 3),
      ("instance create vm1 -o one \(TestHost.options) --disk 0:size=1 --no-nics --net 0:ip=none", 2),
      ("backup import vm1 --src-dir missing \(TestHost.options)", 7), ("backup verify vm1 --state state", 7),
      ("backup import vm1 --src-dir a --src-instance b", 2), ("instance remove vm1 --state state", 3),
      ("instance reinstall vm1 --timeout 0", 2),
      ("--help", 0), ("os list --help", 0), ("help backup import", 0), ("instance list --state state", 0),
      ("backup list --state state", 0),
    ])
  func exitStatusTable(
    _ line: String, _ status: Int
  ) throws {
    try withScratch { folder in
      try folder.define("one", scripts: ["create": "exit 1"])
      let outcome = try guestsmith(folder, line)
      #expect(outcome.status == Int32(status))
      #expect(outcome.output.isEmpty == (status != 0), "\(outcome)")
      #expect(outcome.errors.contains("guestsmith: ") == (status != 0), "\(outcome)")
    }
  }

  @Test("output that cannot be written is a failure") func outputCannotWritten() throws {
    let outcome = try bash("'\(program)' os list > /dev/full")
    #expect(outcome.status == 9)
    #expect(outcome.errors == "guestsmith: cannot write to standard output: No space left on device\n")
  }

  @Test(
    "a signal ends the script, removes what was made and is the exit status",
    arguments: [("INT", 130), ("TERM", 143), ("HUP", 129)])
  func signalEndsScript(
    _ signal: String, _ status: Int
  ) throws {
    try withScratch { folder in
      let mark = "1000.\(getpid())\(status)"
      let script = """
        trap 'echo undone > ../../undone; exit 1' TERM
        sleep \(mark) & touch ../../grandchild; wait
        """
      try folder.define("one", scripts: ["create": script])
      let outcome = try interrupted(folder, "ls -A state/instances; kill -\(signal) $pid; wait $pid")
      #expect(outcome.status == Int32(status))
      #expect(outcome.output == ".vm1.new\n")
      #expect(outcome.errors == "guestsmith: interrupted by SIG\(signal)\n")
      #expect(try folder.read("undone") == "undone\n")
      #expect(try eventually { try isGone(mark) })
      #expect(try shell("cd '\(folder.path)'; ls; ls -A state/instances") == "grandchild\nlog\nos\nstate\nundone")
    }
  }

  @Test("a kill that cannot be caught ends the script and all that it started") func killCannotCaught() throws {
    try withScratch { folder in
      // The grandchild takes no notice of anything but SIGKILL.
      let mark = "2000.\(getpid())"
      let script = "(trap '' HUP INT TERM; sleep \(mark) & touch ../../grandchild; wait) & wait"
      try folder.define("one", scripts: ["create": script])
      let outcome = try interrupted(folder, "kill -KILL $pid; wait $pid")
      #expect(outcome.status == 137)
      #expect(try eventually { try isGone(mark) })
    }
  }

  @Test("below nohup a hangup is not an interrupt") func belowNohupHangup() throws {
    try withScratch { folder in
      let script = "touch ../../grandchild; for i in $(seq 12000); do [ -e ../../go ] && exit; sleep 0.01; done; exit 1"
      try folder.define("one", scripts: ["create": script])
      let outcome = try interrupted(folder, "trap '' HUP; kill -HUP $pid; wait $pid")
      #expect(outcome.status == 129)
      try shell("cd '\(folder.path)'; rm grandchild")
      let ignored = try bash(
        """
        cd '\(folder.path)'
        nohup '\(program)' \(create) --quiet & pid=$!
        for i in {1..12000}; do [ -e grandchild ] && break; sleep 0.01; done
        kill -HUP $pid; sleep 0.1; touch go; wait $pid
        """)
      #expect(ignored.status == 0, "\(ignored)")
    }
  }

  /// Whether no process has this mark in its command line: scripts have process ids of their own.
  private func isGone(_ mark: String) throws -> Bool {
    try bash("grep -al '^sleep.\(mark)' /proc/[0-9]*/cmdline 2>/dev/null").output == ""
  }
}
