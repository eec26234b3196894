// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

/// Definitions that are broken or mean harm: each ends in a message that names it, and the instance is as it was.
@Suite struct HostileScriptTests {
  private static let mark = "3000.\(getpid())"

  private func isGone() throws -> Bool {
    try bash("grep -al '^sleep.\(Self.mark)' /proc/[0-9]*/cmdline 2>/dev/null").output == ""
  }

  /// An instance, and what its reinstallation by `script` fails with.
  private func reinstall(_ script: String, timeout: Int? = nil) throws -> Failure? {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", version: "10\n")
      let instance = try host.create()
      try shell("head -c 100000 /dev/urandom | dd of='\(folder("state/instances/vm1/disk0"))' conv=notrunc status=none")
      let before = try host.snapshot()
      try folder.define("one", version: "10\n", scripts: ["create": "echo torn > $DISK_0_PATH\n\(script)"])
      let failed = failure {
        try host.node(timeout: timeout).reinstallInstance(instance.name, os: nil, parameters: [:])
      }
      #expect(try host.snapshot() == before)
      return failed
    }
  }

  @Test("a script that forks and never ends is ended at its time limit, with all that it started")
  func scriptForksNever() throws {
    let failed = try reinstall("(trap '' TERM HUP; sleep \(Self.mark)) & while :; do sleep 1; done", timeout: 1)
    #expect(
      failed?.message.hasPrefix("the create script of one was ended: it took longer than 1 s") == true,
      "\(String(describing: failed))")
    #expect(try eventually { try isGone() })
  }

  @Test("a script that fills its log is ended") func scriptFillsLog() throws {
    let failed = try reinstall("yes so it goes on")
    #expect(
      failed?.message.hasPrefix("the create script of one was ended: it wrote more than 64 MiB to its log") == true)
  }

  @Test(
    "a script that kills its parent, or everybody, ends itself at most",
    .enabled(if: isRoot, "processes of their own are for root"), arguments: ["$PPID", "-1", "1"])
  func scriptKillsParent(_ victim: String) throws {
    // In a namespace of its own the parent is the first process: anywhere else this is not to be tried.
    let failed = try reinstall("[ $PPID = 1 ] || exit 0; kill -9 \(victim); sleep 0.1; exit 3")
    #expect(failed?.message.hasPrefix("the create script of one ") == true)
  }

  @Test("what a script leaves running ends with it", .enabled(if: isRoot, "processes of their own are for root"))
  func scriptLeavesRunning() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define(
        "one",
        scripts: [
          "create":
            "setsid sh -c 'trap \"\" TERM HUP; exec sleep \(Self.mark)9' < /dev/null > /dev/null 2>&1 & sleep 0.1"
        ])
      try host.create()
      #expect(try bash("grep -al '^sleep.\(Self.mark)9' /proc/[0-9]*/cmdline 2>/dev/null").output == "")
    }
  }

  @Test(
    "what a script mounts over the instances is seen by nobody else",
    .enabled(if: isRoot, "mounts of their own are for root"))
  func scriptMountsOver() throws {
    let failed = try reinstall("mount -t tmpfs none $(dirname $DISK_0_PATH)/..; exit 1")
    #expect(failed?.code == .script)
    #expect(try bash("grep guestsmith-test.*instances /proc/self/mounts").output == "")
  }

  @Test(
    "what a script puts beside the disks does not become part of the instance's description",
    arguments: ["create", "import", "rename"])
  func scriptPutsBeside(_ script: String) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define(
        "one", version: "10\n", scripts: ["export": "cat $EXPORT_DISK_PATH", "import": "cat > $IMPORT_DISK_PATH"])
      if script != "create" {
        try host.create("vm0")
        try host.node().exportBackup(of: InstanceName("vm0"))
      }
      let trap =
        "cd $(dirname $DISK_0_PATH); ln -s ../../../victim instance.ini.new; ln -s ../../../victim instance.ini; cat > /dev/null"
      try folder.write("mine", to: "victim")
      try folder.define(
        "one", version: "10\n",
        scripts: [script: trap, "export": "cat $EXPORT_DISK_PATH"].merging(
          script == "import" ? [:] : ["import": "cat > $IMPORT_DISK_PATH"]
        ) { one, _ in one })
      switch script {
      case "create": try host.create("vm1")
      case "rename": try host.node().renameInstance(InstanceName("vm0"), to: InstanceName("vm1"))
      default:
        try host.node().importBackup(InstanceRequest(name: InstanceName("vm1")), from: .instance(InstanceName("vm0")))
      }
      #expect(try folder.read("victim") == "mine")
      #expect(try host.state.instance(InstanceName("vm1")).name.text == "vm1")
    }
  }
}
