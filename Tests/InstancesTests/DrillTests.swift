// SPDX-License-Identifier: Apache-2.0
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

/// `backup drill`, by a stand-in for qemu, and what it leaves: nothing.
@Suite struct DrillTests {
  /// A host with an export of vm1, which has a network.
  private func withExport(_ scripts: [String: String] = BackupTests.scripts, _ body: (TestHost) throws -> Void) throws {
    try withScratch { folder in
      try folder.define("one", version: "10\n", scripts: scripts)
      let host = TestHost(folder)
      try host.node().exportBackup(of: host.create(disks: ["0:size=8"]).name)
      try body(host)
      #expect(try shell("ls -A '\(folder("state/instances"))'") == "vm1")
      #expect(try host.state.list().map(\.name) == ["vm1"])
    }
  }

  private func drill(_ host: TestHost, _ options: String = "", boots: String) throws -> Outcome {
    _ = try StandIn(host)
    return try bash(
      """
      cd '\(host.folder.path)'
      PATH="$PWD/bin:$PATH" '\(program)' backup drill vm1 \(TestHost.options) --accelerator tcg \(options)
      """, environment: ["QEMU_BOOT": boots])
  }

  @Test("a guest that comes up proves its export: told in words, and as JSON") func comesUp() throws {
    try withExport { host in
      let boots = "printf 'vm1 lo'; sleep 0.1; printf 'gin: '; exec sleep 600"
      let outcome = try drill(host, "--console console", boots: boots)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.output.hasPrefix("vm1: restored in 0.") && outcome.output.contains("showed 'login:' after 0."))
      let console = try host.folder.read("console")
      #expect(console.contains(" -name drill-vm1 ") && console.hasSuffix("vm1 login: "), "\(console)")
      // The original may run meanwhile, so the copy is not on its network.
      #expect(console.contains(" -nic none ") && !console.contains("mac="))
      let told = try drill(host, "--json", boots: boots)
      let json = try JSON(parsing: Array(told.output.utf8))
      #expect(json["result"] == "good" && json["saw"] == "login:" && json["emulated"] == true, "\(told)")
      #expect(json["instance"] == "drill-vm1" && json["reason"] == .null)
    }
  }

  @Test("a guest that does not come up is a failure, with what its console showed") func doesNotComeUp() throws {
    try withExport { host in
      let outcome = try drill(host, "--json", boots: "echo 'Kernel panic - not syncing'; exec sleep 600")
      #expect(outcome.status == Failure.Code.guest.rawValue, "\(outcome)")
      let json = try JSON(parsing: Array(outcome.output.utf8))
      #expect(json["result"] == "failed" && json["saw"] == .null && json["restore_ms"]?.integer != nil, "\(outcome)")
      #expect(json["reason"]?.string?.contains("drill-vm1 did not come up: its console shows 'Kernel panic'") == true)
      let late = try drill(host, "--boot-timeout 1", boots: "exec sleep 600")
      #expect(late.status == Failure.Code.guest.rawValue && late.output == "", "\(late)")
    }
  }

  @Test("an export that can't be restored is a failure too, and nothing is booted") func cannotBeRestored() throws {
    var scripts = BackupTests.scripts
    scripts["import"] = "cat >/dev/null; exit 3"
    try withExport(scripts) { host in
      let outcome = try drill(host, "--json", boots: "echo >>started; exec sleep 600")
      #expect(outcome.status == Failure.Code.script.rawValue, "\(outcome)")
      let json = try JSON(parsing: Array(outcome.output.utf8))
      #expect(json["restore_ms"] == .null && json["result"] == "failed")
      #expect(try host.folder.read("started") == "")
    }
  }

  @Test("an export that is damaged is one, whatever its script makes of it") func isDamaged() throws {
    var scripts = BackupTests.scripts
    scripts["import"] = "cat >/dev/null; exit 3"
    try withExport(scripts) { host in
      try host.folder.write("", to: "state/exports/vm1/disk0.dump")
      let outcome = try drill(host, "--json", boots: "echo >>started; exec sleep 600")
      #expect(outcome.status == Failure.Code.dump.rawValue, "\(outcome)")
      let json = try JSON(parsing: Array(outcome.output.utf8))
      #expect(json["result"] == "failed" && json["reason"]?.string?.hasSuffix("disk0.dump is empty") == true)
      #expect(try host.folder.read("started") == "")
    }
  }

  @Test(
    "one that is ended leaves nothing, and the export is free while the guest boots",
    arguments: ["TERM", "HUP", "KILL"])
  func isEnded(_ signal: String) throws {
    try withExport { host in
      let outcome = try drill(
        host,
        """
        & pid=$!; for i in {1..12000}; do [ -s started ] && break; sleep 0.01; done
        '\(program)' backup export vm1 \(TestHost.options) --quiet; echo "exported $?"
        '\(program)' instance list --state state
        kill -\(signal) $pid; wait $pid; echo "ended $?"
        for i in {1..12000}; do kill -0 $(cat started) 2>/dev/null || break; sleep 0.01; done
        # Whoever comes next removes what a killed one has left.
        '\(program)' backup list --state state
        """, boots: "echo $$ >started; exec sleep 600")
      #expect(outcome.output.contains("exported 0\n") && !outcome.output.contains("drill-vm1"), "\(outcome)")
      #expect(outcome.output.contains("ended ") && !outcome.output.contains("ended 0\n"), "\(outcome)")
    }
  }

  @Test("while the original runs its export is restored and removed, and only a new one is refused") func originalRuns()
    throws
  {
    try withExport { host in
      _ = try StandIn(host)
      let outcome = try bash(
        """
        cd '\(host.folder.path)'; PATH="$PWD/bin:$PATH"
        export QEMU_BOOT='echo >started; exec sleep 600'
        '\(program)' instance boot vm1 --state state --accelerator tcg </dev/null >booted & pid=$!
        for i in {1..12000}; do [ -s started ] && break; sleep 0.01; done
        QEMU_BOOT='printf login:; exec sleep 600' '\(program)' backup drill vm1 \(TestHost.options) --accelerator tcg >&2
        echo "drill $?"
        '\(program)' backup import vm9 --src-instance vm1 \(TestHost.options) --quiet; echo "import $?"
        '\(program)' backup export vm1 \(TestHost.options) --quiet; echo "export $?"
        '\(program)' backup remove vm1 --state state; echo "remove $?"
        '\(program)' instance remove vm9 --state state; kill $pid; wait $pid
        """)
      #expect(outcome.output == "drill 0\nimport 0\nexport 5\nremove 0\n", "\(outcome)")
      #expect(outcome.errors.contains("vm1 is in use by guestsmith instance boot (process "), "\(outcome)")
    }
  }

  @Test("an instance that has the name of the drill stays as it is, and the drill is refused") func nameIsTaken() throws
  {
    try withExport { host in
      try host.create("drill-vm1", disks: ["0:size=8"])
      let outcome = try drill(host, boots: "echo >>started")
      #expect(outcome.status == Failure.Code.invalid.rawValue, "\(outcome)")
      #expect(outcome.errors.contains("there is an instance drill-vm1 already"))
      try host.node().removeInstance(InstanceName("drill-vm1"))
    }
  }

  @Test("what an export does not bring is given as a parameter, and a secret one does not reach import, which is told")
  func parameters() throws {
    try withScratch { folder in
      let site = "[ \"$OSP_SITE\" = here ] || exit 3\n"
      try folder.define(
        "one", version: "20\n", scripts: BackupTests.scripts.merging(["import": site]) { $1 + $0 },
        files: ["parameters.list": "site help\n"])
      let host = TestHost(folder)
      try host.node().exportBackup(of: host.create(disks: ["0:size=8"]).name)
      let boots = "printf 'login:'; exec sleep 600"
      #expect(try drill(host, boots: boots).status == Failure.Code.script.rawValue)
      let given = try drill(host, "-O site=here", boots: boots)
      #expect(given.status == 0, "\(given)")
      try folder.write("[secret]\nsite = here\n", to: "given", mode: 0o600)
      let secret = try drill(host, "--parameters-file given", boots: boots)
      #expect(secret.status == Failure.Code.script.rawValue, "\(secret)")
      #expect(secret.errors.contains("verify alone learns of secret parameters, and import does not: site"))
    }
  }

  @Test("--dry-run tells what would be done, and does nothing") func dryRun() throws {
    try withExport { host in
      let outcome = try drill(host, "--dry-run", boots: "echo >>started")
      #expect(
        outcome.status == 0 && outcome.output.hasPrefix("drill-vm1 would be restored for a drill:\n"), "\(outcome)")
      #expect(outcome.output.contains("without a network, until its console shows 'login:', for at most 600 s"))
      #expect(try host.folder.read("started") == "")
    }
  }

  @Test("the name of a drill is one that a host can have, however long that of the instance is")
  func names() throws {
    #expect(try Node.drillName(for: "vm1.example.com").text == "drill-vm1.example.com")
    let long = String(repeating: "a", count: 63)
    #expect(try Node.drillName(for: "\(long).org").text == "drill-\(long.prefix(57)).org")
    let longest =
      "vm." + [String](repeating: long, count: 3).joined(separator: ".")
      + ".abc.example.com.org.verylong.example.net.a.b"
    #expect(try Node.drillName(for: String(longest.prefix(252)) + "xyz").text.utf8.count <= 255)
  }
}
