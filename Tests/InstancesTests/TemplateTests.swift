// SPDX-License-Identifier: Apache-2.0
import Host
import Instances
import Interface
import Report
import TestSupport
import Testing

@Suite struct TemplateTests {
  @Test(
    "a size is read as gnt-instance reads it, up to the next 4 MiB",
    arguments: [
      ("10G", 10 << 30), ("512M", 512 << 20), ("512", 512 << 20), ("1.5g", 1536 << 20), ("2T", 2 << 40),
      ("1GiB", 1 << 30), ("4mb", 4 << 20), ("1", 4 << 20), ("5", 8 << 20), ("0.1", 4 << 20), ("1000.5M", 1004 << 20),
    ] as [(String, UInt64)])
  func sizeReadGnt(_ text: String, _ bytes: UInt64) throws {
    #expect(try DiskTemplate(parsing: "0:size=\(text)").size == bytes)
  }

  @Test(
    "what is not a disk is refused",
    arguments: [
      "", "0:name=", "0:size=", "0:size=0", "0:size=-1", "0:size=G", "0:size=10K", "0:size=10 G", "0:size=1e3",
      "0:size=10GG",
      "0:size=nan", "0:size=1.2.3", "0:size=9999999999T", "0:size=0x10", "0:size=+4", "-1:size=1G", "16:size=1G",
      "x:size=1G", "0:sise=1G", "0:size=1G,size=2G", "0:size=1G,adopt=/x", "0:adopt=", "0:size=1G,access=no",
      "0:size", "99999999999999999999:size=1G",
    ])
  func notDiskRefused(_ text: String) throws {
    #expect([.usage, .invalid].contains(failure { _ = try DiskTemplate(parsing: text) }?.code))
  }

  @Test("a disk may be without a size, which an export may know") func diskMayWithout() throws {
    #expect(try DiskTemplate(parsing: "0").size == nil)
  }

  @Test("a disk has all that is given") func diskAllGiven() throws {
    let disk = try DiskTemplate(parsing: #"3:size=1G,name=a\,b,access=ro"#)
    #expect(disk.index == 3)
    #expect(disk.name == "a,b")
    #expect(disk.access == .readOnly)
    #expect(try DiskTemplate(parsing: "0:adopt=/dev/x").adopted == "/dev/x")
  }

  @Test("an interface has all that is given") func interfaceAllGiven() throws {
    let nic = try NICTemplate(
      parsing: "0:ip=192.0.2.1,mac=AA:00:00:12:34:56,mode=routed,link=br1,network=lan,name=first")
    #expect(
      [nic.ip, nic.mac, nic.mode, nic.link, nic.network, nic.name]
        == ["192.0.2.1", "aa:00:00:12:34:56", "routed", "br1", "lan", "first"])
    #expect(try NICTemplate(parsing: "0:mac=auto").mac == nil)
    #expect(try NICTemplate(parsing: "0:mode=ext").mode == "ext")
    #expect(try NICTemplate(parsing: "0:ip=2001:db8::1").ip == "2001:db8::1")
  }

  @Test(
    "what is not an interface is refused",
    arguments: [
      "0:ip=192.0.2.256", "0:ip=here", "0:mac=aa:00:00", "0:mac=zz:00:00:00:00:00", "0:mac=ab:00:00:00:00:00,ip",
      "0:mac=01:00:00:00:00:00", "0:mode=magic", "8:ip=192.0.2.1", "0:speed=1",
      "0:link=", "0:name=a\nb", "0:name= a",
    ])
  func notInterfaceRefused(_ text: String) {
    #expect([.usage, .invalid].contains(failure { _ = try NICTemplate(parsing: text) }?.code))
  }

  @Test("a hypervisor stands before its parameters, or alone, or not at all") func hypervisorStandsBefore() throws {
    #expect(try Assignments.hypervisor("kvm").name == "kvm")
    let both = try Assignments.hypervisor("xen-pvm:kernel_path=/boot/a,root_path=/dev/xvda1")
    #expect(both.name == "xen-pvm")
    #expect(both.parameters == ["kernel_path": "/boot/a", "root_path": "/dev/xvda1"])
    let alone = try Assignments.hypervisor("kernel_args=a:b=c")
    #expect(alone.name == nil)
    #expect(alone.parameters == ["kernel_args": "a:b=c"])
    #expect(failure { _ = try Assignments.hypervisor("vmware") }?.code == .usage)
  }

  @Test("parameters come from a file too, and what is in it stays out of messages") func parametersComeFrom() throws {
    try withScratch { folder in
      let path = try folder.write("[public]\na = 1\n[private]\nb = 2\n[secret]\nc = 50%%\n", to: "parameters")
      let parameters = try Assignments.parameters(reading: path)
      #expect(parameters == ["a": .init("1"), "b": .init("2", .private), "c": .init("50%", .secret)])
      try folder.write("[public]\na = 1\n[hidden]\nb = 2\n", to: "wrong")
      #expect(
        failure { _ = try Assignments.parameters(reading: folder("wrong")) }?.message
          == "\(folder("wrong")), line 3: the section [hidden] is not known")
    }
    let told = failure { _ = try Assignments.parse("a=1,geheim", of: "-O") }
    #expect(told?.message.contains("geheim") == false)
  }
}
