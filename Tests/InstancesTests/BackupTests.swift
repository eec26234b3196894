// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

/// Exports and imports of instances on real files, by real scripts.
@Suite struct BackupTests {
  /// Dumps disks as they are.
  static let scripts = [
    "export": "echo exporting $EXPORT_INDEX >&2; cat \"$EXPORT_DISK_PATH\"",
    "import": "echo importing $IMPORT_INDEX; dd of=\"$IMPORT_DISK_PATH\" conv=notrunc iflag=fullblock bs=64k",
    "rename": "echo from $OLD_INSTANCE_NAME to $INSTANCE_NAME",
  ]

  func host(_ folder: Scratch, version: String = "10\n", scripts: [String: String] = scripts) throws -> TestHost {
    try folder.define("one", version: version, scripts: scripts)
    return TestHost(folder)
  }

  /// An instance with something on both disks.
  func filled(_ host: TestHost, disks: [String] = ["0:size=8,name=root", "1:size=4"]) throws -> KeptInstance {
    let instance = try host.create(disks: disks)
    try fill("\(host.folder.path)/state/instances/vm1/disk0", 3_000_000)
    try fill("\(host.folder.path)/state/instances/vm1/disk1", 1_000_000)
    return instance
  }

  private func fill(_ path: String, _ count: Int) throws {
    try shell("head -c \(count) /dev/urandom | dd of='\(path)' conv=notrunc status=none")
  }

  func `import`(
    _ host: TestHost, _ name: String = "vm2", from place: String? = nil, disks: [String] = []
  ) throws -> KeptInstance {
    var request = try host.request(name, os: nil, disks: disks)
    request.nics = nil
    return try host.node().importBackup(
      request, from: place.map { .folder($0) } ?? .instance(InstanceName("vm1")))
  }

  @Test("what is exported is imported again: disks, memory, parameters, networks") func exportedImportedAgain() throws {
    try withScratch { folder in
      let host = try host(folder)
      let vm1 = try filled(host)
      let path = try host.node().exportBackup(of: vm1.name)
      #expect(
        try shell("cd '\(path)'; stat -c '%n %a %s' *")
          == "config.ini 600 \(try size("\(path)/config.ini"))\ndisk0.dump 600 8388608\ndisk1.dump 600 4194304")
      let vm2 = try `import`(host)
      #expect(
        try shell("cd '\(folder("state/instances"))'; cmp vm1/disk0 vm2/disk0; cmp vm1/disk1 vm2/disk1; ls -A")
          == "vm1\nvm2")
      #expect(vm2.backend == vm1.backend)
      #expect(vm2.disks.map(\.name) == ["root", nil])
      #expect(vm2.nics.map(\.link) == ["br0"])
      // Both are there, so they cannot have one address.
      #expect(vm2.nics[0].mac != vm1.nics[0].mac)
      #expect(try host.log("export-one-vm1-disk1-").contains("exporting 1"))
      #expect(try host.log("import-one-vm2-disk0-").hasPrefix("importing 0\n"))
      #expect(try host.log("rename-one-vm1-vm2-") == "from vm1 to vm2")
      try host.node().removeInstance(vm1.name)
      let again = try `import`(host, "vm1")
      #expect(again.nics[0].mac == vm1.nics[0].mac)
    }
  }

  private func size(_ path: String) throws -> String { try shell("stat -c %s '\(path)'") }

  @Test("an OS of version 5 is called as 1.2.6 does, for the root disk alone") func osVersion5() throws {
    try withScratch { folder in
      let scripts = ["export": "echo \"$*\" >&2; cat \"$4\"", "import": "echo \"$*\"; dd of=\"$4\" conv=notrunc"]
      let host = try host(folder, version: "5\n", scripts: scripts)
      let vm1 = try filled(host)
      try host.node().exportBackup(of: vm1.name)
      #expect(try shell("ls '\(folder("state/exports/vm1"))'") == "config.ini\ndisk0.dump")
      // 1.2.6 has gunzip before each import.
      try shell("cd '\(folder("state"))'; gunzip < exports/vm1/disk0.dump | cmp - instances/vm1/disk0")
      #expect(try folder.read("state/exports/vm1/config.ini").contains("\ncompression = gzip\n"))
      #expect(try host.program("backup verify vm1 --state state").output == "disk 0: good\n")
      _ = try `import`(host)
      #expect(
        try shell(
          "cd '\(folder("state/instances"))'; cmp vm1/disk0 vm2/disk0; tr -d '\\0' < vm2/disk1 | wc -c; cat ../../log/os/exp-* "
        ) == "0\n-i vm1 -b \(folder("state/instances/.vm1.new/disk0"))")
      #expect(try host.log("import-one-vm2-").hasPrefix("-i vm2 -b "))
      #expect(try bash("ls '\(folder("log/os"))' | grep rename").output == "")
    }
  }

  @Test(
    "an export that fails leaves the export that was there, and no other",
    arguments: ["echo half; echo no room >&2; exit 9", "cat $EXPORT_DISK_PATH; kill -9 $$"])
  func exportFailsLeaves(_ script: String) throws {
    try withScratch { folder in
      let host = try host(folder)
      let vm1 = try filled(host)
      try host.node().exportBackup(of: vm1.name)
      let before = try host.snapshot()
      _ = try self.host(folder, scripts: ["export": "[ $EXPORT_INDEX = 0 ] || exit 0; \(script)"])
      #expect(
        failure { try host.node().exportBackup(of: vm1.name) }?.message.hasPrefix("the export script of one ") == true)
      #expect(try host.snapshot() == before)
    }
  }

  @Test(
    "an export script that writes nothing for a disk fails, and leaves the export that was there",
    arguments: [("5\n", 0), ("10\n", 0), ("10\n", 1)])
  func writesNothing(_ version: String, _ disk: Int) throws {
    try withScratch { folder in
      let host = try host(folder, version: version, scripts: ["export": "cat \"${4:-$EXPORT_DISK_PATH}\""])
      let vm1 = try filled(host)
      try host.node().exportBackup(of: vm1.name)
      let before = try host.snapshot()
      let script = "[ \"${EXPORT_INDEX:-0}\" = \(disk) ] || printf x"
      _ = try self.host(folder, version: version, scripts: ["export": script])
      let failed = failure { try host.node().exportBackup(of: vm1.name) }
      #expect(failed?.code == .script)
      #expect(
        failed?.message == "the export script of one ended well, but has written nothing for disk \(disk) of vm1",
        "\(String(describing: failed))")
      #expect(try host.snapshot() == before)
      // One byte is a dump.
      _ = try self.host(folder, version: version, scripts: ["export": "printf x"])
      try host.node().exportBackup(of: vm1.name)
    }
  }

  @Test("an export of version 5 for which there is no room fails, and leaves none", .enabled(if: isRoot, "needs root"))
  func exportVersion5() throws {
    try withScratch { folder in
      let host = try host(folder, version: "5\n", scripts: ["export": "cat \"$4\""])
      let vm1 = try filled(host)
      try folder.folder("state/exports")
      try shell("mount -t tmpfs -o size=1m,mode=700 none '\(folder("state/exports"))'")
      defer { _ = try? shell("umount --lazy '\(folder("state/exports"))'") }
      let failed = failure { try host.node().exportBackup(of: vm1.name) }
      #expect(failed?.message.contains("No space left on device") == true, "\(String(describing: failed))")
      #expect(try shell("ls -A '\(folder("state/exports"))'") == "")
    }
  }

  @Test("when one disk fails the scripts of the others are ended") func whenOneDisk() throws {
    try withScratch { folder in
      let host = try host(folder, scripts: ["export": "[ $EXPORT_INDEX = 0 ] && exit 9; sleep 1000"])
      let vm1 = try filled(host)
      #expect(failure { try host.node().exportBackup(of: vm1.name) }?.message.contains("exit status 9") == true)
    }
  }

  @Test("an export script that writes to a disk fails, and the disk is as it was", arguments: [0, 1])
  func exportScriptWrites(_ disk: Int) throws {
    try withScratch { folder in
      let scripts = ["export": "cat $EXPORT_DISK_PATH; [ $EXPORT_INDEX = 0 ] && echo x >> $DISK_\(disk)_PATH; exit 0"]
      let host = try host(folder, scripts: scripts)
      let vm1 = try filled(host)
      let before = try host.snapshot()
      let failed = failure { try host.node().exportBackup(of: vm1.name) }
      #expect(failed?.message == "the export script of one wrote to disk \(disk) of vm1")
      #expect(failed?.code == .script)
      #expect(try host.snapshot() == before)
    }
  }

  @Test("a script sees how far it may count, and the dump has what it wrote") func scriptSeesHow() throws {
    try withScratch { folder in
      let scripts = ["export": "exec bash -c 'echo 4 >&$EXP_SIZE_FD; printf data'"]
      let host = try host(folder, scripts: scripts)
      try host.node().exportBackup(of: filled(host).name)
      #expect(try folder.read("state/exports/vm1/disk0.dump") == "data")
    }
  }

  @Test(
    "an import script that fails, or does not read its input, leaves no instance",
    arguments: [
      ("cat > /dev/null; exit 1", "exit status 1"), ("exit 0", "has not read all of"),
      ("head -c 1000 > /dev/null", "has not read all of"), ("exec <&-; exit 0", "has not read all of"),
    ])
  func importScriptFails(
    _ script: String, _ words: String
  ) throws {
    try withScratch { folder in
      let host = try host(folder)
      try host.node().exportBackup(of: filled(host).name)
      _ = try self.host(folder, scripts: ["import": "[ $IMPORT_INDEX = 1 ] && exec cat > /dev/null; \(script)"])
      let before = try host.snapshot()
      let failed = failure { _ = try `import`(host) }
      #expect(failed?.message.contains(words) == true, "\(String(describing: failed))")
      #expect(try host.snapshot() == before)
    }
  }

  @Test("a rename that fails after the import leaves no instance") func renameFailsAfter() throws {
    try withScratch { folder in
      let host = try host(folder, scripts: Self.scripts.merging(["rename": "exit 3"]) { $1 })
      try host.node().exportBackup(of: filled(host).name)
      #expect(
        failure { _ = try `import`(host) }?.message.contains("the rename script of one ended with exit status 3")
          == true)
      #expect(try host.state.list().map(\.name) == ["vm1"])
    }
  }

  // MARK: What others exported

  /// An export as 1.2.6 writes it: gzip, counts that hold the last index.
  func old(_ folder: Scratch, compression: String = "gzip") throws {
    try folder.write(
      """
      [export]
      version = 0
      timestamp = 1195000000
      source = node1.example.com
      os = one
      compression = \(compression)

      [instance]
      name = vm1
      memory = 256
      vcpus = 2
      disk_template = plain
      nic0_mac = aa:00:00:11:22:33
      nic0_ip = None
      nic0_bridge = xen-br0
      nic_count = 0
      disk0_ivname = sda
      disk0_dump = sda.dump
      disk0_size = 8
      disk_count = 0

      """, to: "old/config.ini")
    try shell("cd '\(folder("old"))'; head -c 500000 /dev/urandom > plain; gzip -c plain > sda.dump")
  }

  @Test("an export of 1.2.6 is taken, with the swap disk that is not in it") func export12() throws {
    try withScratch { folder in
      let host = try host(folder)
      try old(folder)
      let vm1 = try `import`(host, "vm1", from: folder("old"), disks: ["1:size=4"])
      #expect(try shell("cd '\(folder.path)'; cmp -n 500000 old/plain state/instances/vm1/disk0") == "")
      #expect(vm1.disks.map(\.size) == [8 << 20, 4 << 20])
      #expect(vm1.nics.map(\.mac) == ["aa:00:00:11:22:33"])
      #expect(vm1.nics.map(\.link) == ["xen-br0"])
      #expect(vm1.nics.map(\.ip) == [nil])
      #expect(vm1.backend["memory"] == "256")
      #expect(vm1.backend["vcpus"] == "2")
      var request = try host.request("vm2", os: nil, disks: ["1:size=4"])
      request.backend = ["memory": "1G"]
      let vm2 = try host.node().importBackup(request, from: .folder(folder("old")))
      #expect(vm2.backend["maxmem"] == "1024")
      #expect(vm2.backend["minmem"] == "1024")
      #expect(vm2.backend["vcpus"] == "2")
    }
  }

  @Test("a dump that is said to be compressed and is not, or is and is not said to be, is handed over as it is")
  func dumpSaidCompressed()
    throws
  {
    try withScratch { folder in
      let host = try host(folder)
      try old(folder)
      try shell("cd '\(folder("old"))'; mv plain sda.dump; cp sda.dump plain")
      _ = try `import`(host, "vm1", from: folder("old"))
      #expect(try shell("cd '\(folder.path)'; cmp -n 500000 old/plain state/instances/vm1/disk0") == "")
      try old(folder, compression: "none")
      _ = try `import`(host, "vm2", from: folder("old"))
      #expect(try shell("cd '\(folder.path)'; cmp -n 400000 old/sda.dump state/instances/vm2/disk0") == "")
    }
  }

  @Test("a dump whose compression is damaged is told to be, and leaves no instance") func dumpWhoseCompression() throws
  {
    try withScratch { folder in
      let host = try host(folder)
      try old(folder)
      try shell("truncate -s 300000 '\(folder("old/sda.dump"))'")
      let failed = failure { _ = try `import`(host, from: folder("old")) }
      #expect(failed?.code == .dump)
      #expect(
        failed?.message.hasPrefix("the dump \(folder("old/sda.dump")) cannot be read: gzip: ") == true,
        "\(String(describing: failed))")
      #expect(try host.state.list().isEmpty)
      #expect(try host.program("backup verify old/ --state state").status == 7)
    }
  }

  @Test(
    "an export with something missing, renamed or wrong is refused by name, and nothing is made",
    arguments: [
      ("rm sda.dump", "the dump of disk 0 is missing: OLD/sda.dump"),
      ("mv sda.dump sdb.dump", "the dump of disk 0 is missing: OLD/sda.dump"),
      ("rm sda.dump; ln -s /etc/passwd sda.dump", "the dump of disk 0, OLD/sda.dump, is not a file"),
      ("rm sda.dump; mkfifo sda.dump", "the dump of disk 0, OLD/sda.dump, is not a file"),
      ("sed -i /_dump/d config.ini", "OLD/config.ini names no dump"), ("rm config.ini", "cannot read OLD/config.ini"),
      ("rm config.ini; mkdir config.ini", "OLD/config.ini is not a file"),
      (
        "sed -i 's/sda.dump/..\\/x/' config.ini",
        "OLD/config.ini, line 18, 'disk0_dump': '../x' is not the name of a file"
      ),
      ("sed -i 's/sda.dump/\\/etc\\/passwd/' config.ini", "'/etc/passwd' is not the name of a file"),
      ("sed -i 's/sda.dump/../' config.ini", "'..' is not the name of a file"),
      (
        "sed -i 's/^disk0_size = 8/disk0_size = -8/' config.ini",
        "OLD/config.ini, line 19, 'disk0_size': '-8' is not a number of MiB"
      ),
      ("sed -i 's/^version = 0/version = 1/' config.ini", "'1' is not the version of an export"),
      ("sed -i 's/^name = vm1/name = ..\\/x/' config.ini", "OLD/config.ini, line 9, 'name': '../x' is not the name"),
      (
        "sed -i 's/^vcpus = 2/nic0_link = br0\\n more/' config.ini",
        "OLD/config.ini, line 11, 'nic0_link': it is more than one line"
      ),
      ("sed -i 's/^os = one//' config.ini", "there is no 'os' in [export]"),
      ("sed -i 's/^os = one/os = two/' config.ini", "there is no 'two' in"),
      ("sed -i 's/11:22:33/zz/' config.ini", "OLD/config.ini, line 13, 'nic0_mac'"),
      ("sed -i 's/.instance.//' config.ini", "OLD/config.ini has no [export] or no [instance]"),
      ("head -c 3000000 /dev/zero > config.ini", "OLD/config.ini has 3000000 bytes"),
      ("head -c 3000 /dev/urandom > config.ini", "OLD/config.ini"),
    ])
  func exportSomethingMissing(
    _ harm: String, _ words: String
  ) throws {
    try withScratch { folder in
      let host = try host(folder)
      try old(folder)
      try shell("cd '\(folder("old"))'; \(harm)")
      let dry = failure {
        _ = try host.node().planImport(host.request("vm2", os: nil, disks: []), from: .folder(folder("old")))
      }
      let failed = failure { _ = try `import`(host, from: folder("old")) }
      #expect(failed == dry)
      #expect(
        failed?.message.contains(words.replacing("OLD", with: folder("old"))) == true, "\(String(describing: failed))")
      #expect(try host.state.list().isEmpty)
      #expect(try shell("ls -A '\(folder("state/instances"))'") == "")
    }
  }

  @Test("exports are listed, also broken ones, and removed") func exportsListedAlso() throws {
    try withScratch { folder in
      let host = try host(folder)
      try host.node().exportBackup(of: filled(host).name)
      try shell("cd '\(folder("state/exports"))'; cp -r vm1 vm2; rm vm2/disk1.dump; mkdir vm3")
      let list = try host.state.listExports()
      #expect(list.map(\.name) == ["vm1", "vm2", "vm3"])
      #expect(list.map { $0.fault == nil } == [true, false, false])
      #expect(list[0].bytes == 12 << 20)
      let told = try host.program("backup list --state state")
      #expect(told.status == 0)
      #expect(told.output.contains("broken: the dump of disk 1 is missing: \(folder("state/exports/vm2/disk1.dump"))"))
      #expect(try host.program("backup verify vm1 --state state").status == 0)
      #expect(try host.program("backup verify vm2 --state state").status == 7)
      #expect(
        try host.program("backup remove vm1 --dry-run --state state").output
          == "would remove \(folder("state/exports/vm1"))\n")
      #expect(try host.program("backup remove vm1 --state state").status == 0)
      #expect(try shell("ls -A '\(folder("state/exports"))'") == "vm2\nvm3")
      #expect(try host.program("backup remove vm1 --state state").status == 7)
    }
  }
}
