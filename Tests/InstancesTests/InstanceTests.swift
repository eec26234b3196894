// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

/// Instances on real files, by real scripts.
@Suite struct InstanceTests {
  @Test("create is called as Ganeti 1.2.6 does, for an OS of version 5") func createCalledGaneti() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      let script = """
        echo "$0|$*|$(pwd)|$LC_ALL|$HOME"
        wc -c
        echo to the log too >&2
        """
      try folder.define("one", scripts: ["create": script])
      try host.create("vm1.example.com")
      let log = try shell("ls '\(folder("log/os"))'")
      #expect(isLog(log, "add-one-vm1.example.com-"))
      let home = getenv("HOME").map { String(cString: $0) } ?? ""
      let disks = "/state/instances/.vm1.example.com.new"
      #expect(
        try folder.read("log/os/\(log)").replacing(folder.path, with: "") == """
          /os/one/create|-i vm1.example.com -b \(disks)/disk0 -s \(disks)/disk1|/os/one|C|\(home.replacing(folder.path, with: ""))
          0
          to the log too

          """)
    }
  }

  @Test("create is told the instance by its environment, for an OS of later versions") func createToldInstance() throws
  {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define(
        "one", version: "20\n", scripts: ["create": "env | sort", "verify": "env | sort; echo $*"],
        files: ["parameters.list": "size help\nkey help\npin help\n", "variants.list": "small\nlarge\n"])
      var request = try host.request(os: "one+large", disks: ["0:size=8,name=root", "1:size=4,access=ro", "2:size=12"])
      request.nics = [try NICTemplate(parsing: "0:ip=192.0.2.7,network=lan,mac=aa:00:00:01:02:03")]
      request.backend = ["memory": "1G"]
      request.hypervisorParameters = ["serial_console": "True"]
      request.parameters = ["size": .init("1"), "key": .init("2", .private), "pin": .init("geheim", .secret)]
      try host.node().createInstance(request)
      let told = try Set(host.log("add-one+large-vm1").split(separator: "\n").map(String.init))
      for line in [
        "INSTANCE_NAME=vm1", "INSTANCE_OS=one+large", "OS_VARIANT=large", "DISK_COUNT=3", "DISK_0_NAME=root",
        "DISK_1_ACCESS=ro", "DISK_2_SIZE=12", "NIC_COUNT=1", "NIC_0_IP=192.0.2.7", "NIC_0_MAC=aa:00:00:01:02:03",
        "NIC_0_NETWORK_NAME=lan", "INSTANCE_BE_memory=1024", "INSTANCE_HV_serial_console=True", "OSP_SIZE=1",
        "OSP_KEY=2", "OSP_PIN=geheim",
      ] { #expect(told.contains(line), "\(line)") }
      #expect(try host.log("verify-").hasSuffix("\nparameters"))
      // What is secret is kept nowhere.
      #expect(try bash("grep -rl geheim '\(folder("state"))'").output == "")
      let kept = try host.state.instance(InstanceName("vm1"))
      #expect(kept.parameters == ["size": .init("1"), "key": .init("2", .private)])
      let shown = try host.program("instance info vm1 --state state; '\(program)' instance list --json --state state")
      #expect(shown.output.contains("Parameter key: (private)"), "\(shown)")
    }
  }

  @Test("parameters that the OS refuses are refused before anything is made") func parametersOSRefuses() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define(
        "one", version: "20\n", scripts: ["verify": "echo size is wrong; exit 1", "create": "touch ../../ran"],
        files: ["parameters.list": "size help\n"])
      let refused = failure { try host.create() }
      #expect(refused?.message == "the verify script of one ended with exit status 1:\n  | size is wrong")
      #expect(try shell("ls -A '\(folder("state/instances"))'; ls '\(folder.path)'") == "log\nos\nstate")
    }
  }

  @Test("what is kept of an instance is for root, in a description to be read and in sparse disks")
  func keptInstanceRoot() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      let instance = try host.create(disks: ["0:size=10G", "1:size=1"])
      #expect(
        try shell(
          "cd '\(folder("state/instances"))'; stat -c '%n %s %b %a' vm1/disk*; stat -c '%n %a' . vm1 vm1/*.ini; ls -A")
          == "vm1/disk0 10737418240 0 600\nvm1/disk1 4194304 0 600\n. 700\nvm1 700\nvm1/instance.ini 600\nvm1")
      #expect(try host.state.instance(InstanceName("VM1")) == instance)
      #expect(instance.nics.count == 1)
      #expect(instance.nics[0].mac.hasPrefix("aa:00:00:"))
    }
  }

  @Test("a script that fails fails the command, with the end of its log, and nothing is left") func scriptFailsFails()
    throws
  {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["create": "seq 1 30; printf 'bad \\033[31mcolour\\n' >&2; exit 7"])
      let refused = failure { try host.create() }
      #expect(refused?.code == .script)
      let lines = refused?.message.split(separator: "\n") ?? []
      #expect(lines.first == "the create script of one ended with exit status 7:")
      #expect(lines.dropFirst().map(String.init) == (12...30).map { "  | \($0)" } + ["  | bad \\x1b[31mcolour"])
      #expect(refused?.remedy?.hasPrefix("its whole log is \(folder("log/os/add-one-vm1"))") == true)
      #expect(try shell("ls -A '\(folder("state/instances"))'") == "")
    }
  }

  @Test("names that Ganeti takes are names of instances, from create to remove") func namesGanetiTakes() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define(
        "one", version: "10\n", scripts: ["export": "cat $EXPORT_DISK_PATH", "import": "cat >/dev/null"])
      for (old, new) in [("web_1.example.com", "a-._b"), ("_", "x-")] {
        let instance = try host.create(old)
        try host.node().renameInstance(instance.name, to: InstanceName(new))
        try host.node().exportBackup(of: InstanceName(new))
        try host.node().importBackup(
          InstanceRequest(name: InstanceName("\(old)2")), from: .instance(InstanceName(new)))
        #expect(try host.state.list().map(\.name) == [new, "\(old)2"].sorted())
        for name in [new, "\(old)2"] { try host.node().removeInstance(InstanceName(name)) }
        try host.node().removeBackup(new)
      }
      #expect(try shell("ls -A '\(folder("state/instances"))' '\(folder("state/exports"))'").contains("_") == false)
    }
  }

  @Test("an OS with variants is asked for with one, as Ganeti has it") func osVariantsAsked() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define(
        "one", version: "15\n",
        scripts: ["export": "cat $EXPORT_DISK_PATH", "import": "cat >/dev/null; echo $OS_VARIANT"])
      let old = try host.create()
      try host.node().exportBackup(of: old.name)
      try folder.write("small\nlarge\n", to: "os/one/variants.list")
      let before = try host.snapshot()
      for refused in [
        failure { try host.create("vm2") },
        failure { try host.node().reinstallInstance(old.name, os: "one", parameters: [:]) },
        failure { _ = try host.node().planInstance(host.request("vm2")) },
      ] {
        #expect(refused?.message == "OS name 'one' must include a variant")
        #expect(refused?.remedy == "use one of these: one+small, one+large")
      }
      #expect(try host.snapshot() == before)
      // What is there from before keeps working, with the first.
      try host.node().reinstallInstance(old.name, os: nil, parameters: [:])
      try host.node().importBackup(InstanceRequest(name: InstanceName("vm3")), from: .instance(old.name))
      #expect(try host.log("import-one+small-vm3-disk0") == "small")
      try host.create("vm2", os: "one+large")
      // Nothing is installed here.
      var request = try host.request("vm4")
      request.installs = false
      try host.node().createInstance(request)
    }
  }

  @Test("an instance of that name, or one whose name Ganeti uses, is refused") func instanceNameOne() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["create": "echo \"$2\" >> ../../ran"])
      try host.create("vm1")
      #expect(failure { try host.create("VM1") }?.message == "there is an instance VM1 already")
      #expect(failure { try host.create("vm1.new") }?.code == .invalid)
      #expect(failure { try host.node().renameInstance(InstanceName("vm1"), to: InstanceName("Vm1")) }?.code == .usage)
      #expect(try folder.read("ran") == "vm1\n")
    }
  }

  @Test(
    "disks that make no sense are refused before anything is made",
    arguments: [
      (["0:size=8"], "version 5 of the interface, which needs two disks"), ([], "needs a disk"),
      (["0:size=8", "2:size=4"], "--disk 1 is missing, and 2 is there"),
      (["0:size=8", "0:size=4"], "--disk 0 is given twice"), (["0:size=8", "1:name=x"], "disk 1 has no size"),
    ])
  func disksMakeNo(_ disks: [String], _ words: String) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      let refused = failure { try host.create(disks: disks) }
      #expect(refused?.message.contains(words) == true, "\(String(describing: refused))")
      #expect(try shell("ls -A '\(folder("state/instances"))'") == "")
    }
  }

  @Test("a parameter of the back end that is unknown or no value is refused") func parameterBackEnd() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      for backend in [
        ["memroy": "1G"], ["memory": "lots"], ["vcpus": "0"], ["minmem": "2G", "maxmem": "1G"], ["auto_balance": "x"],
      ] {
        var request = try host.request()
        request.backend = backend
        #expect(failure { try host.node().createInstance(request) }?.code == .usage, "\(backend)")
      }
      #expect(try shell("ls -A '\(folder("state/instances"))'") == "")
    }
  }

  @Test("a dry run tells what would be made, and makes nothing") func dryRunTells() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["create": "touch ../../ran"])
      let told = try host.program(
        "instance create vm1 -o one --disk 0:size=8 --disk 1:size=4 --dry-run \(TestHost.options)")
      #expect(told.status == 0, "\(told)")
      #expect(told.output.hasPrefix("vm1 would be created:\n  OS: one\n"))
      #expect(try shell("ls -A '\(folder.path)'") == "os")
    }
  }

  @Test("without an installation there is an instance with empty disks") func withoutInstallationThere() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["create": "touch ../../ran"])
      var request = try host.request()
      request.installs = false
      try host.node().createInstance(request)
      #expect(
        try shell("ls '\(folder.path)'; ls '\(folder("state/instances/vm1"))'")
          == "os\nstate\ndisk0\ndisk1\ninstance.ini")
    }
  }

  @Test("reinstall is told that it is one, keeps what the scripts leave, and replaces the rest") func reinstallToldOne()
    throws
  {
    try withScratch { folder in
      let host = TestHost(folder)
      let script = "echo $INSTANCE_REINSTALL; echo new >> $DISK_0_PATH; truncate -s 8M $DISK_0_PATH"
      try folder.define("one", version: "10\n", scripts: ["create": script])
      let before = try host.create()
      try shell("printf data | dd of='\(folder("state/instances/vm1/disk1"))' conv=notrunc status=none")
      try host.node().reinstallInstance(before.name, os: nil, parameters: [:])
      let after = try host.state.instance(before.name)
      #expect(after.serial == before.serial + 1)
      #expect(after.disks == before.disks)
      #expect(after.nics == before.nics)
      #expect(
        try shell("head -c 4 '\(folder("state/instances/vm1/disk1"))'; ls -A '\(folder("state/instances"))'")
          == "datavm1")
      #expect(try host.log("add-") == "\n1")
    }
  }

  @Test("rename changes the name inside and outside") func renameChangesName() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define(
        "one", scripts: ["rename": "echo \"$*\"; printf \"$4\" | dd of=\"$6\" conv=notrunc status=none"])
      let before = try host.create()
      let new = try InstanceName("vm2.example.com")
      try host.node().renameInstance(before.name, to: new)
      let after = try host.state.instance(new)
      #expect(after.uuid == before.uuid)
      #expect(try host.state.list().map(\.name) == ["vm2.example.com"])
      #expect(
        try shell("cd '\(folder("state/instances"))'; ls -A; head -c 15 vm2.example.com/disk0")
          == "vm2.example.com\nvm2.example.com")
      #expect(try host.log("rename-one-vm1-vm2.example.com-").hasPrefix("-o vm1 -n vm2.example.com -b /"))
    }
  }

  @Test("a script that fails in the middle of a change leaves the instance as it was", arguments: ["create", "rename"])
  func scriptFailsMiddle(_ script: String) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", version: "10\n")
      let instance = try host.create()
      try shell("head -c 100000 /dev/urandom | dd of='\(folder("state/instances/vm1/disk0"))' conv=notrunc status=none")
      try folder.define("one", version: "10\n", scripts: [script: "echo torn > $DISK_0_PATH; rm $DISK_1_PATH; exit 1"])
      let before = try host.snapshot()
      let failed = failure {
        script == "create"
          ? try host.node().reinstallInstance(instance.name, os: nil, parameters: [:])
          : try host.node().renameInstance(instance.name, to: InstanceName("vm2"))
      }
      #expect(failed?.message.contains("exit status 1") == true)
      #expect(try host.snapshot() == before)
    }
  }

  @Test(
    "a script that does harm to the file of a disk fails, although it says that all is well",
    arguments: ["rm $DISK_1_PATH", "truncate -s 1M $DISK_0_PATH", "ln -sf /etc/passwd $DISK_0_PATH"])
  func scriptDoesHarm(_ harm: String) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", version: "10\n", scripts: ["create": harm])
      let failed = failure { try host.create() }
      #expect(
        failed?.message.hasPrefix("the create script of one did harm to a disk: disk ") == true,
        "\(String(describing: failed))")
      #expect(try shell("ls -A '\(folder("state/instances"))'") == "")
    }
  }

  @Test("removing an instance removes its disks, and nothing in a dry run") func removingInstanceRemoves() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create()
      let told = try host.program("instance remove vm1 --dry-run --state state")
      #expect(told.output == "would remove \(folder("state/instances/vm1"))\n")
      #expect(try host.state.list().count == 1)
      try host.node().removeInstance(InstanceName("vm1"))
      #expect(try shell("ls -A '\(folder("state/instances"))'") == "")
      #expect(
        failure { try host.node().removeInstance(InstanceName("vm1")) }?.message.hasPrefix(
          "there is no instance vm1 in ") == true)
    }
  }

  @Test("a folder for the logs or for the state that cannot be made names the option") func folderLogsState() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try folder.write("", to: "log")
      #expect(failure { try host.create() }?.remedy?.contains("--log-dir") == true)
      #expect(try shell("ls -A '\(folder("state/instances"))'") == "")
      try shell("rm -r '\(folder("state"))'; touch '\(folder("state"))'")
      #expect(failure { try host.create() }?.remedy?.contains("--state") == true)
    }
  }

  @Test("a variant that the OS does not have is refused, in every version of the interface") func variantOSDoes() throws
  {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try folder.define("many", version: "15\n", files: ["variants.list": "a\nb\n"])
      for os in ["one+a", "one+", "many+c", "many+"] {
        #expect(failure { try host.create(os: os) }?.code == .invalid, "\(os)")
      }
      #expect(try host.create(os: "many+b").variant == "b")
    }
  }

  @Test("a full disk fails the command, and the instance is as it was", .enabled(if: isRoot, "mounts need root"))
  func fullDiskFails() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", version: "10\n")
      try folder.folder("state")
      try shell("mount -t tmpfs -o size=10M,mode=700 none '\(folder("state"))'")
      defer { _ = try? shell("umount '\(folder("state"))'") }
      let instance = try host.create()
      try shell(
        "head -c 6000000 /dev/urandom | dd of='\(folder("state/instances/vm1/disk0"))' conv=notrunc status=none")
      let before = try host.snapshot()
      let refused = failure { try host.node().renameInstance(instance.name, to: InstanceName("vm2")) }
      #expect(refused?.code == .space)
      #expect(refused?.message.contains(folder("state/instances/.vm1.new/disk0")) == true)
      #expect(try host.snapshot() == before)
    }
  }
}
