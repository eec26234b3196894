// SPDX-License-Identifier: Apache-2.0
import Interface
import Report
import Testing

/// The environments of the hosts, variable by variable.
private enum Hosts {
  static let path = "/sbin:/bin:/usr/sbin:/usr/bin"

  /// Ganeti 2.0: version 10 of the interface, bridges only.
  static let ganeti20: [String: String] = [
    "OS_API_VERSION": "10", "INSTANCE_NAME": "vm1.example.com", "INSTANCE_OS": "guestsmith", "HYPERVISOR": "xen-pvm",
    "DISK_COUNT": "2", "NIC_COUNT": "1", "DEBUG_LEVEL": "0", "PATH": path,
    "DISK_0_PATH": "/dev/xenvg/a.disk0", "DISK_0_ACCESS": "rw", "DISK_0_BACKEND_TYPE": "block",
    "DISK_1_PATH": "/dev/xenvg/a.disk1", "DISK_1_ACCESS": "ro", "DISK_1_BACKEND_TYPE": "block",
    "NIC_0_MAC": "aa:00:00:fa:3a:3f", "NIC_0_BRIDGE": "xen-br0",
  ]

  /// Ganeti 2.1: version 15, with variants and NIC modes.
  static let ganeti21 = ganeti20.merging([
    "OS_API_VERSION": "15", "OS_NAME": "guestsmith", "OS_VARIANT": "debian-12", "INSTANCE_OS": "guestsmith+debian-12",
    "NIC_0_MODE": "routed", "NIC_0_LINK": "table1", "NIC_0_IP": "192.0.2.7",
  ]) { $1 }

  /// Ganeti 3.0 as it calls `create`, from a running cluster.
  static let ganeti30: [String: String] = [
    "OS_API_VERSION": "20", "OS_NAME": "guestsmith", "OS_VARIANT": "", "DEBUG_LEVEL": "1", "PATH": path,
    "OSP_SUITE": "trixie", "OSP_DISK_1": "swap", "OSP_ROOT_PASSWORD_HASH": "$6$a=b$c", "OSP_LABEL": "",
    "INSTANCE_NAME": "vm1.example.com", "INSTANCE_OS": "guestsmith", "INSTANCE_UUID": "5d2a9bd0-0000",
    "INSTANCE_CTIME": "1700000000.5", "INSTANCE_MTIME": "1700000000.5", "INSTANCE_PRIMARY_NODE": "f00d-uuid",
    "INSTANCE_SECONDARY_NODES": "", "HYPERVISOR": "fake", "DISK_COUNT": "2", "NIC_COUNT": "2",
    "INSTANCE_BE_memory": "128", "INSTANCE_HV_kernel_path": "None", "INSTANCE_HV_acpi": "True",
    "DISK_0_ACCESS": "rw", "DISK_0_PATH": "/srv/ganeti/file-storage/vm1/d0", "DISK_0_BACKEND_TYPE": "file:loop",
    "DISK_0_UUID": "d0-uuid", "DISK_0_SIZE": "1024", "DISK_0_NAME": "root",
    "DISK_1_ACCESS": "rw", "DISK_1_UUID": "d1-uuid", "DISK_1_SIZE": "64", "DISK_1_URI": "kvm:rbd:rbd/x",
    "DISK_1_FRONTEND_TYPE": "paravirtual",
    "NIC_0_MAC": "aa:00:00:11:22:33", "NIC_0_UUID": "n0-uuid", "NIC_0_MODE": "bridged", "NIC_0_LINK": "br0",
    "NIC_0_BRIDGE": "br0", "NIC_0_IP": "198.51.100.21", "NIC_0_NETWORK_NAME": "lan", "NIC_0_NETWORK_UUID": "net-uuid",
    "NIC_0_NETWORK_TAGS": "nfdhcpd private", "NIC_0_NETWORK_SUBNET": "198.51.100.0/24",
    "NIC_0_NETWORK_GATEWAY": "198.51.100.1",
    "NIC_0_NETWORK_SUBNET6": "2001:db8::/64", "NIC_0_NETWORK_GATEWAY6": "2001:db8::1",
    "NIC_1_MAC": "aa:00:00:11:22:34", "NIC_1_UUID": "n1-uuid", "NIC_1_MODE": "openvswitch", "NIC_1_LINK": "sw0",
  ]
}

/// What a script that is called with `variables` is asked for.
private func request(_ script: Script, _ variables: [String: String]) throws -> Request {
  let environment = try #require(try Environment(variables))
  guard case .request(let request) = try environment.call(script, [], in: "/srv/ganeti/os/guestsmith") else {
    throw Failure(.usage, "\(script) is not about an instance")
  }
  return request
}

@Suite("The environment of a call")
struct EnvironmentTests {
  @Test("version 10, as Ganeti 2.0 calls")
  func version10() throws {
    let request = try request(.create, Hosts.ganeti20)
    #expect(
      request.purpose == .create(isReinstall: false) && request.instance.text == "vm1.example.com"
        && request.oldName == nil)
    #expect(request.os == RequestedOS(definition: "/srv/ganeti/os/guestsmith", name: "guestsmith"))
    #expect(request.backend.isEmpty && request.created == nil && request.secondaryNodes.isEmpty)
    #expect(request.hypervisor == "xen-pvm" && request.uuid == nil && !request.isReinstall)
    #expect(request.disks.map(\.path) == ["/dev/xenvg/a.disk0", "/dev/xenvg/a.disk1"])
    #expect(request.disks.map(\.access) == [.readWrite, .readOnly])
    #expect(request.disks.map(\.backend) == [.block, .block] && request.disks.map(\.size) == [nil, nil])
    #expect(request.disks.map(\.role) == [.root, nil] && request.root == "/dev/xenvg/a.disk0" && request.swap == nil)
    var nic = RequestedNIC(index: 0)
    nic.mac = "aa:00:00:fa:3a:3f"
    nic.link = "xen-br0"
    #expect(request.nics == [nic])
  }

  @Test("version 15, as Ganeti 2.1 calls")
  func version15() throws {
    let request = try request(.create, Hosts.ganeti21)
    #expect(request.os.name == "guestsmith" && request.variant == "debian-12")
    #expect(request.nics[0].mode == "routed" && request.nics[0].link == "table1" && request.nics[0].ip == "192.0.2.7")
  }

  @Test("version 20, as Ganeti 3.0 calls")
  func version20() throws {
    let request = try request(.create, Hosts.ganeti30)
    #expect(request.os.name == "guestsmith" && request.variant == nil && request.os.debugLevel == 1)
    #expect(
      request.os.parameters == [
        "suite": "trixie", "disk_1": "swap", "root_password_hash": "$6$a=b$c", "label": "",
      ])
    #expect(request.backend == ["memory": "128"] && request.created == "1700000000.5")
    #expect(request.hypervisorParameters == ["kernel_path": "None", "acpi": "True"])
    #expect(request.primaryNode == "f00d-uuid" && request.disks[0].name == "root" && request.nics[0].uuid == "n0-uuid")
    #expect(request.uuid == "5d2a9bd0-0000" && request.hypervisor == "fake" && !request.isReinstall)
    #expect(request.disks.map(\.path) == ["/srv/ganeti/file-storage/vm1/d0", nil])
    #expect(request.disks.map(\.uri) == [nil, "kvm:rbd:rbd/x"])
    #expect(request.disks.map(\.backend) == [.file(driver: "loop"), nil])
    #expect(request.disks.map(\.size) == [1 << 30, 64 << 20])
    let nic = request.nics[0]
    #expect(nic.mac == "aa:00:00:11:22:33" && nic.mode == "bridged" && nic.link == "br0" && nic.ip == "198.51.100.21")
    #expect(nic.network?.name == "lan" && nic.network?.subnet?.prefix == 24 && nic.network?.gateway == "198.51.100.1")
    #expect(nic.network?.tags == ["nfdhcpd", "private"])
    #expect(nic.network?.subnet6?.address == "2001:db8::" && nic.network?.gateway6 == "2001:db8::1")
    #expect(request.nics.count == 2 && request.nics[1].network == nil && request.nics[1].ip == nil)
  }

  @Test("verify is told of the OS only")
  func verify() throws {
    let told = Hosts.ganeti30.filter { $0.key.hasPrefix("OS") || ["PATH", "DEBUG_LEVEL"].contains($0.key) }
    let call = try #require(try Environment(told)).call(.verify, ["parameters"], in: "/srv/os/guestsmith")
    guard case .verify(let os) = call else { return #expect(Bool(false), "\(call)") }
    #expect(os.name == "guestsmith" && os.parameters["suite"] == "trixie" && os.variant == nil)
  }

  @Test("a reinstallation, a rename")
  func others() throws {
    #expect(try request(.create, Hosts.ganeti30.merging(["INSTANCE_REINSTALL": "1"]) { $1 }).isReinstall)
    #expect(try !request(.create, Hosts.ganeti30.merging(["INSTANCE_REINSTALL": "0"]) { $1 }).isReinstall)
    let rename = try request(.rename, Hosts.ganeti30.merging(["OLD_INSTANCE_NAME": "old.example.com"]) { $1 })
    #expect(rename.oldName?.text == "old.example.com" && rename.instance.text == "vm1.example.com")
    #expect(rename.disks.count == 2)
  }

  @Test("an export is about one disk, by the path of its snapshot")
  func export() throws {
    let first = try request(
      .export,
      Hosts.ganeti30.merging([
        "EXPORT_DEVICE": "/snap0", "EXPORT_DISK_PATH": "/snap0", "EXPORT_INDEX": "0", "EXP_SIZE_FD": "11",
      ]) { $1 })
    #expect(first.disks.map(\.path) == ["/snap0"] && first.root == "/snap0" && first.sizeDescriptor == 11)
    let old = try request(.export, Hosts.ganeti20.merging(["EXPORT_DEVICE": "/snap1", "EXPORT_INDEX": "1"]) { $1 })
    #expect(old.disks.map(\.path) == ["/snap1"] && old.disks[0].index == 1 && old.disks[0].role == nil)
    #expect(old.root == nil && old.sizeDescriptor == nil && old.disks[0].access == .readOnly)
    let uri = try request(.export, Hosts.ganeti30.merging(["EXPORT_DISK_URI": "kvm:x", "EXPORT_INDEX": "1"]) { $1 })
    #expect(uri.disks.map(\.uri) == ["kvm:x"] && uri.disks[0].path == nil)
  }

  @Test("an import is about one disk, and tells no size")
  func imports() throws {
    let first = try request(
      .import,
      Hosts.ganeti30.merging([
        "IMPORT_DEVICE": "/d0", "IMPORT_DISK_PATH": "/d0", "IMPORT_INDEX": "0", "EXP_SIZE_FD": "11",
      ]) { $1 })
    #expect(first.disks.map(\.path) == ["/d0"] && first.root == "/d0" && first.sizeDescriptor == nil)
    let second = try request(.import, Hosts.ganeti20.merging(["IMPORT_DEVICE": "/d1", "IMPORT_INDEX": "1"]) { $1 })
    #expect(second.disks.map(\.index) == [1] && second.root == nil)
  }

  @Test(
    "the disk need not boot where the host has a kernel",
    arguments: [
      ("kvm", ["kernel_path": "/boot/vmlinuz-3-kvmU"], true), ("kvm", ["kernel_path": ""], false),
      ("kvm", ["kernel_path": "None"], false), ("kvm", [:], false), ("xen-hvm", [:], false), ("fake", [:], false),
      ("xen-pvm", ["kernel_path": "/boot/vmlinuz-3-xenU"], true), ("xen-pvm", [:], true),
      ("xen-pvm", ["kernel_path": "/boot/vmlinuz-3-xenU", "use_bootloader": "True"], false),
      ("lxc", [:], true), ("chroot", [:], true),
    ] as [(String, [String: String], Bool)])
  func hostKernel(_ hypervisor: String, _ parameters: [String: String], _ expected: Bool) throws {
    var variables = Hosts.ganeti30
    variables["HYPERVISOR"] = hypervisor
    variables["INSTANCE_HV_kernel_path"] = nil
    for (name, value) in parameters { variables["INSTANCE_HV_\(name)"] = value }
    #expect(try request(.create, variables).hostHasKernel == expected)
  }

  @Test("without OS_API_VERSION, or with 5, the caller passes arguments")
  func version5() throws {
    #expect(try Environment(["INSTANCE_NAME": "vm1"]) == nil && Environment(["OS_API_VERSION": "5"]) == nil)
    #expect(try Environment(["OS_API_VERSION": ""]) == nil)
  }

  @Test("a version that is not known is refused", arguments: ["21", "0", "x", "20 ", "-20"])
  func unknownVersion(text: String) {
    #expect {
      try Environment(["OS_API_VERSION": text])
    } throws: {
      ($0 as? Failure)?.message == "OS_API_VERSION is '\(text)', must be 5, 10, 15 or 20"
    }
  }

  @Test(
    "what is missing is named",
    arguments: [
      (.create, "INSTANCE_NAME"), (.create, "DISK_COUNT"), (.create, "DISK_0_PATH"), (.create, "DISK_0_ACCESS"),
      (.create, "DISK_1_ACCESS"), (.rename, "OLD_INSTANCE_NAME"), (.export, "EXPORT_INDEX"), (.export, "EXPORT_DEVICE"),
      (.import, "IMPORT_INDEX"), (.import, "IMPORT_DEVICE"),
    ] as [(Script, String)])
  func missing(script: Script, name: String) {
    let complete = [
      "OLD_INSTANCE_NAME": "a", "EXPORT_INDEX": "0", "EXPORT_DEVICE": "/x", "IMPORT_INDEX": "0", "IMPORT_DEVICE": "/x",
    ].merging(Hosts.ganeti30) { $1 }
    for (value, words) in [(nil, "not in the environment"), ("", "empty")] as [(String?, String)] {
      var variables = complete
      variables[name] = value
      #expect {
        try request(script, variables)
      } throws: {
        let failure = $0 as? Failure
        return failure?.code == .invalid && failure?.message == "\(name) is \(words)" && failure?.remedy != nil
      }
    }
  }

  @Test(
    "what is wrong is named with its value",
    arguments: [
      ("DISK_COUNT", "two", "a number from 0 to 1024"), ("DISK_COUNT", "-1", "a number from 0 to 1024"),
      ("DISK_COUNT", "+1", "a number from 0 to 1024"),
      ("DISK_COUNT", "99999999999999999999", "a number from 0 to 1024"),
      ("NIC_COUNT", "1e3", "a number from 0 to 1024"),
      ("DISK_0_PATH", "disk", "an absolute path"), ("DISK_1_ACCESS", "RW", "rw or ro"),
      ("DISK_0_BACKEND_TYPE", "tape", "block, or file: and a driver"),
      ("DISK_0_SIZE", "1.5", "a number from 0 to 1099511627776"),
      ("NIC_0_IP", "pool", "an IP address"), ("NIC_0_IP", "192.0.2.1\nDNS=x", "an IP address"),
      ("NIC_0_NETWORK_SUBNET", "192.0.2.0", "a network such as 192.0.2.0/24"),
      ("NIC_0_NETWORK_SUBNET", "192.0.2.0/33", "a network such as 192.0.2.0/24"),
      ("NIC_0_NETWORK_GATEWAY", "gw", "an IP address"), ("INSTANCE_REINSTALL", "yes", "a number from 0 to 1"),
      ("DEBUG_LEVEL", "x", "a number from 0 to 1000"), ("EXP_SIZE_FD", "1", "a number from 3 to 2147483647"),
      ("EXPORT_INDEX", "2", "less than DISK_COUNT, which is 2"), ("EXPORT_DEVICE", "snap", "an absolute path"),
    ])
  func wrong(name: String, value: String, rule: String) {
    let complete = Hosts.ganeti30.merging(["EXPORT_INDEX": "0", "EXPORT_DEVICE": "/x"]) { $1 }
    #expect {
      try request(name == "INSTANCE_REINSTALL" ? .create : .export, complete.merging([name: value]) { $1 })
    } throws: {
      ($0 as? Failure)?.message == "\(name) is \(value.quoted), must be \(rule)"
    }
  }

  @Test("a name that is not a host name is told with its variable")
  func names() {
    #expect {
      try request(.create, Hosts.ganeti30.merging(["INSTANCE_NAME": "a b"]) { $1 })
    } throws: {
      ($0 as? Failure)?.message.hasPrefix("INSTANCE_NAME: 'a b' is not the name of an instance") == true
    }
  }

  @Test("no value of a parameter is in a failure")
  func secrets() {
    for name in ["INSTANCE_NAME", "DISK_COUNT", "DISK_0_ACCESS"] {
      #expect {
        try request(.create, Hosts.ganeti30.merging([name: "?", "OSP_X": "hunter2"]) { $1 })
      } throws: {
        !"\($0)".contains("hunter2") && !"\($0)".contains("$6$")
      }
    }
  }
}

@Suite("The arguments of version 5 make the same request")
struct ArgumentsTests {
  @Test("the disks have their places and their roles")
  func disks() throws {
    let os = Arguments.os(in: "/srv/ganeti/os/guestsmith+small")
    #expect(os == RequestedOS(definition: "/srv/ganeti/os/guestsmith+small", name: "guestsmith", variant: "small"))
    let folder = os.definition
    func request(_ script: Script, _ words: [String]) throws -> Request {
      guard case .request(let request) = try Arguments.call(script, words, in: folder) else {
        throw Failure(.usage, "\(script) is not about an instance")
      }
      return request
    }
    let create = try request(.create, ["-i", "vm1", "-b", "/a", "-s", "/b"])
    #expect(create.disks.map(\.index) == [0, 1] && create.disks.map(\.role) == [.root, .swap])
    #expect(create.disks.allSatisfy { $0.access == .readWrite } && create.nics == [] && create.variant == "small")
    #expect(try request(.export, ["-i", "vm1", "-b", "/a"]).disks.map(\.path) == ["/a"])
  }

  @Test("the script verify is not called by arguments")
  func verify() {
    #expect(throws: Failure.self) { try Arguments.call(.verify, ["parameters"], in: "/srv/os/guestsmith") }
  }
}
