// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

/// Disks that were there before their instance.
@Suite struct AdoptedDiskTests {
  private func request(_ host: TestHost, _ path: String, name: String = "vm1") throws -> InstanceRequest {
    try host.request(name, disks: ["0:adopt=\(path)", "1:size=4"])
  }

  @Test("a disk that is not empty is overwritten only by force, and kept without an installation") func diskNotEmpty()
    throws
  {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["create": "echo ran > ../../ran"])
      let disk = try makeSparseFile(folder("disk"), size: 64 << 20)
      // The last thing anyone would look at: one byte far inside.
      try shell("printf x | dd of='\(disk)' bs=1 seek=50000000 conv=notrunc status=none")
      var request = try request(host, disk)
      let refused = failure { try host.node().createInstance(request) }
      #expect(refused?.message == "the disk \(disk) is not empty")
      #expect(access(folder("ran"), F_OK) != 0)
      request.installs = false
      try host.node().createInstance(request)
      try host.node().removeInstance(request.name)
      #expect(access(disk, F_OK) == 0, "an adopted disk outlives its instance")
      request.installs = true
      request.force = true
      #expect(try host.node().createInstance(request).disks[0].size == 64 << 20)
      #expect(access(folder("ran"), F_OK) == 0)
    }
  }

  @Test("what cannot be a disk is refused before anything is done", arguments: ["missing", "os", "empty", "pipe"])
  func cannotDiskRefused(_ path: String) throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      try shell("cd '\(folder.path)'; touch empty; mkfifo pipe")
      let refused = failure { try host.node().createInstance(request(host, folder(path))) }
      #expect(refused?.code == .device)
      #expect(refused?.message.contains(folder(path)) == true)
    }
  }

  @Test("no disk belongs to two, by whatever path") func noDiskBelongs() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      let disk = try makeSparseFile(folder("disk"), size: 1 << 20)
      try shell("cd '\(folder.path)'; ln -s disk soft; ln disk hard")
      for other in ["disk", "soft", "hard", "os/../disk"] {
        let twice = failure {
          try host.node().createInstance(host.request(disks: ["0:adopt=\(disk)", "1:adopt=\(folder(other))"]))
        }
        #expect(twice?.message.contains("same disk") == true)
      }
      try host.node().createInstance(request(host, disk))
      for other in ["soft", "hard", "state/instances/vm1/disk1"] {
        let refused = failure { try host.node().createInstance(request(host, folder(other), name: "vm2")) }
        #expect(refused?.message == "\(folder(other)) is a disk of vm1")
      }
    }
  }

  @Test("a change in place that fails leaves the instance broken, and says so until one ends well")
  func changePlaceFails() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one")
      let disk = try makeSparseFile(folder("disk"), size: 1 << 20)
      let instance = try host.node().createInstance(request(host, disk))
      try folder.define("one", scripts: ["create": "exit 1"])
      #expect(failure { try host.node().reinstallInstance(instance.name, os: nil, parameters: [:]) }?.code == .script)
      let fault = try host.state.list().first?.fault
      #expect(fault?.message == "instance reinstall of vm1 was cut short while it changed a disk that is adopted")
      #expect(fault?.remedy?.contains("guestsmith instance reinstall vm1") == true)
      #expect(failure { try host.node().exportBackup(of: instance.name) } == fault)
      try folder.define("one")
      try host.node().reinstallInstance(instance.name, os: nil, parameters: [:])
      #expect(try host.state.list().first?.fault == nil)
    }
  }

  @Test(
    "a block device has the size that it has, and an export that writes to it is found out",
    .enabled(if: isRoot, "loop devices need root"))
  func blockDeviceSize() throws {
    try withScratch { folder in
      let host = TestHost(folder)
      try folder.define("one", scripts: ["export": "cat \"$4\""])
      try makeSparseFile(folder("back"), size: 64 << 20)
      try withLoopDevice(folder("back")) { device in
        let instance = try host.node().createInstance(request(host, device))
        #expect(instance.disks[0].size == 64 << 20)
        try host.node().exportBackup(of: instance.name)
        #expect(try shell("zcat '\(folder("state/exports/vm1/disk0.dump"))' | wc -c") == "67108864")
        try folder.define("one", scripts: ["export": "cat \"$4\"; echo x > \"$4\""])
        let failed = failure { try host.node().exportBackup(of: instance.name) }
        #expect(failed?.message == "the export script of one wrote to disk 0 of vm1")
        try shell("printf x | dd of=\(device) bs=1 seek=67108000 status=none conv=notrunc")
        try host.node().removeInstance(instance.name)
        #expect(
          failure { try host.node().createInstance(request(host, device)) }?.message
            == "the disk \(device) is not empty")
      }
    }
  }
}
