// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

/// What is kept of an instance, when somebody else had a hand in it.
@Suite struct StoredInstanceTests {
  @Test(
    "a corrupt description is told with its line, hides no other, and its instance can be removed",
    arguments: [
      ("s/^serial.*/serial = many/", ", line 6, 'serial': 'many' is not a number"),
      ("s/^uuid = .*//", ", line 1: there is no 'uuid' in [instance]"),
      ("s/^name = .*/name = a b/", ", line 3, 'name': "),
      ("s/^hypervisor/hypervizor/", ", line 1: there is no 'hypervisor' in [instance]"),
      ("1d", "stands before the first [section]"),
      ("s/^access = rw/access = rw\\nspeed = 3/", "'speed' is not known in [disk 0] of a description"),
      ("s/^version.*/version = 9/", "'9' is not the version 1 that is known here"),
      ("s/disk 1/dusk 1/", "is not known"),
      ("d", ": there is no version in [instance]"),
    ])
  func corruptDescriptionTold(
    _ edit: String, _ words: String
  ) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create("vm1")
      try host.create("vm2")
      try shell("sed -i '\(edit)' '\(folder("state/instances/vm1/instance.ini"))'")
      let refused = failure { _ = try host.state.instance(InstanceName("vm1")) }
      #expect(refused?.message.contains(words) == true, "\(String(describing: refused))")
      #expect(refused?.message.hasPrefix(folder("state/instances/vm1/instance.ini")) == true)
      #expect(refused?.remedy?.contains("instance.ini") == true)
      let list = try host.state.list()
      #expect(list.map(\.name) == ["vm1", "vm2"])
      #expect(list.map { $0.fault == nil } == [false, true])
      #expect(failure { try host.node().exportBackup(of: InstanceName("vm1")) } != nil)
      try host.node().removeInstance(InstanceName("vm1"))
    }
  }

  @Test(
    "a disk file that is missing, or another one, is told by name and nothing is done",
    arguments: ["rm", "truncate -s 1M", "ln -sf /etc/passwd"])
  func diskFileMissing(_ harm: String) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["rename": "touch ../../ran", "export": "touch ../../ran"])
      let instance = try host.create()
      let disk = folder("state/instances/vm1/disk1")
      try shell("\(harm) '\(disk)'")
      let before = try host.snapshot()
      #expect(try host.state.list().first?.fault?.message.contains("disk 1 of vm1, \(disk),") == true)
      for refused in [
        failure { try host.node().renameInstance(instance.name, to: InstanceName("vm2")) },
        failure { try host.node().reinstallInstance(instance.name, os: nil, parameters: [:]) },
        failure { try host.node().exportBackup(of: instance.name) },
      ] {
        #expect(refused?.code == .device)
        #expect(refused?.message.contains("disk 1 of vm1, \(disk),") == true)
      }
      #expect(try host.snapshot() == before)
      #expect(access(folder("ran"), F_OK) != 0)
    }
  }

  @Test("a folder that was copied or renamed by hand is told, and hides none") func folderCopiedRenamed() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try host.create("vm2")
      try shell("cd '\(folder("state/instances"))'; cp -a vm2 vm1; cp -a vm2 vm3")
      let list = try host.state.list()
      #expect(list.map(\.name) == ["vm1", "vm2", "vm3"])
      #expect(list.map { $0.fault == nil } == [false, true, false])
      #expect(list[0].fault?.message == "\(folder("state/instances/vm1/instance.ini")) describes vm2, not vm1")
    }
  }
}
