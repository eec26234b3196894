// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

/// What the next command finds after one that was killed, at whatever moment.
@Suite struct KilledCommandTests {
  /// Scripts that take their time, and change both disks again and again.
  private static let slowly = """
    for i in 1 2 3 4 5 6 7 8; do
      printf "$what $i" | dd of=$DISK_0_PATH conv=notrunc bs=1k seek=$i status=none
      printf "$what $i" | dd of=$DISK_1_PATH conv=notrunc bs=1k seek=$i status=none
      sleep 0.02
    done
    """

  private func define(_ folder: Scratch) throws {
    try folder.define(
      "one", version: "10\n",
      scripts: [
        "create": "what=made$INSTANCE_REINSTALL\n\(Self.slowly)", "rename": "what=named\n\(Self.slowly)",
        "import":
          "cat > $IMPORT_DISK_PATH.in; sleep 0.1; dd if=$IMPORT_DISK_PATH.in of=$IMPORT_DISK_PATH conv=notrunc status=none; rm $IMPORT_DISK_PATH.in",
        "export": "dd if=$EXPORT_DISK_PATH bs=1M status=none; sleep 0.1",
      ])
  }

  /// What is there, but for the descriptions, which have times in them.
  private func contents(_ folder: Scratch) throws -> String {
    try shell(
      "cd '\(folder("state"))'; find instances exports | sort; find instances exports -name 'disk*' -exec sha256sum {} + | sort -k 2"
    )
  }

  @Test(
    "after a kill at any moment everything is as before or as after, never between",
    arguments: [
      ("instance create vm2 -o one --disk 0:size=4 --disk 1:size=4", "vm1"), ("instance reinstall vm1", "vm1"),
      ("instance rename vm1 vm2", "vm1"), ("backup import vm2 --src-instance vm1", "vm1"), ("backup export vm1", "vm1"),
      ("instance remove vm1", "vm1"),
    ])
  func afterKillAt(
    _ command: String, _ name: String
  ) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try define(folder)
      try host.create(name, disks: ["0:size=4", "1:size=4"])
      try host.node().exportBackup(of: InstanceName(name))
      // Another export is to be another one.
      try shell("echo changed | dd of='\(folder("state/instances/\(name)/disk1"))' conv=notrunc status=none")
      try shell("cd '\(folder.path)'; cp -a state kept")
      let before = try contents(folder)
      let clock = ContinuousClock()
      var outcome: Outcome?
      let time = try clock.measure { outcome = try host.program("\(command) \(scriptOptions(command))") }
      #expect(outcome?.status == 0, "\(String(describing: outcome))")
      let after = try contents(folder)
      #expect(after != before)
      for _ in 1...12 {
        try shell("cd '\(folder.path)'; rm -rf state; cp -a kept state")
        let seconds = Double.random(in: 0...1.1) * Double(time.components.attoseconds) * 1e-18
        let killed = try host.program(
          "\(command) \(scriptOptions(command)) --quiet & pid=$!; sleep \(seconds); kill -9 $pid; wait $pid")
        var next = try host.program("instance list --json --state state")
        // What it was just starting may have its locks for a moment longer.
        _ = try eventually {
          if [before, after].contains(try contents(folder)) { return true }
          next = try host.program("instance list --json --state state")
          return false
        }
        let now = try contents(folder)
        #expect([before, after].contains(now), "killed after \(seconds) s: \(killed) \(next)")
        #expect(next.status == 0)
        #expect(!next.output.contains("\"state\": \"broken\""), "\(next)")
      }
    }
  }

  private func scriptOptions(_ command: String) -> String {
    command.contains("remove") ? "--state state" : TestHost.options
  }

  @Test("what is left is told of by the command that removes it") func leftToldCommand() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create()
      try shell(
        "cd '\(folder("state"))'; mkdir -p instances/.vm2.new/x exports/vm1.new instances/.vm1.new; touch instances/.vm2.new/x/y"
      )
      let told = try host.program("instance list --state state")
      #expect(told.errors.contains("removed what a command for vm2 that was cut short had left\n"), "\(told)")
      #expect(told.errors.contains("undid a change of vm1 that was cut short: it is as it was before\n"))
      #expect(
        told.errors.contains(
          "removed \(folder("state/exports/vm1.new")), which an export that was cut short had left\n"))
      #expect(try shell("cd '\(folder("state"))'; ls -A instances exports") == "exports:\n\ninstances:\nvm1")
      #expect(try host.program("instance list --state state").errors == "")
    }
  }

  @Test("a change that was cut short behind its last step is finished") func changeCutShort() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create()
      // As it is between the exchange of the folders and the removal of the old one.
      try shell(
        "cd '\(folder("state/instances"))'; cp -a vm1 .vm1.new; sed -i 's/^serial = 1/serial = 2/' vm1/instance.ini")
      #expect(try host.program("instance list --state state").errors == "finished a change of vm1 that was cut short\n")
      // As it is between the exchange and the renaming of the folder.
      try shell(
        "cd '\(folder("state/instances"))'; cp -a vm1 .vm1.new; sed -i 's/^name = vm1/name = vm2/' vm1/instance.ini")
      #expect(
        try host.program("instance list --state state").errors
          == "finished the rename of vm1 to vm2 that was cut short\n")
      #expect(try shell("ls -A '\(folder("state/instances"))'") == "vm2")
      // And where somebody has taken the new name meanwhile.
      try host.create("vm3")
      try shell(
        "cd '\(folder("state/instances"))'; cp -a vm2 .vm2.new; sed -i 's/^name = vm2/name = vm3/' vm2/instance.ini")
      #expect(
        try host.program("instance list --state state").errors
          == "undid a rename of vm2 that was cut short: there is a vm3 already\n")
      #expect(try host.state.list().map(\.name) == ["vm2", "vm3"])
    }
  }
}
