// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Interface
import LinuxIO
import Report
import TestSupport
import Testing

/// The whole environment of each script, as the contract has it.
@Suite struct ScriptEnvironmentTests {
  private static let ofEveryCall: Set = ["OS_API_VERSION", "OS_NAME", "OS_VARIANT", "DEBUG_LEVEL", "PATH"]
  private static let ofInstance: Set = [
    "INSTANCE_NAME", "INSTANCE_OS", "INSTANCE_UUID", "INSTANCE_CTIME", "INSTANCE_MTIME", "INSTANCE_PRIMARY_NODE",
    "INSTANCE_SECONDARY_NODES", "INSTANCE_BE_memory", "HYPERVISOR", "DISK_COUNT", "DISK_0_ACCESS", "DISK_0_PATH",
    "DISK_0_UUID", "DISK_0_SIZE", "DISK_0_BACKEND_TYPE", "NIC_COUNT", "NIC_0_MAC", "NIC_0_UUID", "NIC_0_MODE",
    "NIC_0_LINK", "NIC_0_BRIDGE", "NIC_0_IP",
  ]

  /// The names of the variables that a script is told, with its arguments, mask and folder as the first line.
  private func told(
    _ version: Int, _ purpose: ScriptCall.Purpose, in folder: Scratch,
    _ visibility: Instance.Parameter.Visibility = .public
  ) throws -> (String, Set<String>) {
    let script = """
      [ ! -t 0 ] && echo "$# $* $(umask) $(pwd)" >&2
      env | sed 's/=.*//' >&2
      """
    let scripts = ["create", "import", "export", "rename", "verify"].map { ($0, script) }
    try folder.define(
      "one", version: "\(version)\n", scripts: Dictionary(uniqueKeysWithValues: scripts),
      files: ["variants.list": "small\n", "parameters.list": "size help\n"])
    var instance = Instance(name: try InstanceName("vm1"), os: "one", uuid: "u", created: 1)
    instance.disks = [.init(path: folder("disk"), size: 1 << 20, uuid: "d")]
    var nic = Instance.NIC(mac: "aa:00:00:00:00:01", uuid: "n")
    (nic.ip, nic.link) = ("192.0.2.1", "br0")
    instance.nics = [nic]
    instance.backend = ["memory": "128"]
    if version == 20 { instance.parameters = ["size": .init("1", visibility)] }
    let definition = try SearchPath([folder("os")]).definition(named: "one")
    var call = try ScriptCall(definition, purpose, of: instance)
    let size = try Descriptor(folder("size"), O_RDWR | O_CREAT, mode: 0o600)
    if case .export = purpose { call.sizeDescriptor = size.view }
    let log = try call.run(logFolder: folder("log"))
    let lines = String(decoding: try readFile(log), as: UTF8.self).split(separator: "\n").map(String.init)
    // The shell's own.
    return (lines.first ?? "", Set(lines.dropFirst()).subtracting(["PWD", "_"]))
  }

  @Test("holds exactly what the contract lists", arguments: [10, 15, 20])
  func holdsExactlyContract(_ version: Int) throws {
    let parameters: Set<String> = version == 20 ? ["OSP_SIZE"] : []
    let all = Self.ofEveryCall.union(Self.ofInstance).union(parameters)
    var cases: [(ScriptCall.Purpose, Set<String>)] = [
      (.create(isReinstall: false), all), (.create(isReinstall: true), all.union(["INSTANCE_REINSTALL"])),
      (.rename(from: try InstanceName("vm0")), all.union(["OLD_INSTANCE_NAME"])),
    ]
    if version == 20 { cases.append((.verify, Self.ofEveryCall.union(parameters))) }
    for (purpose, wanted) in cases {
      try withScratch { folder in
        let (first, names) = try told(version, purpose, in: folder)
        let arguments = purpose == .verify ? "1 parameters" : "0 "
        #expect(first == "\(arguments) 0077 \(folder("os/one"))")
        #expect(names == wanted, "\(purpose)")
      }
    }
  }

  @Test("tells an export and an import their disk besides", arguments: [10, 15, 20])
  func tellsExportImport(_ version: Int) throws {
    let parameters: Set<String> = version == 20 ? ["OSP_SIZE"] : []
    let all = Self.ofEveryCall.union(Self.ofInstance).union(parameters)
    try withScratch { folder in
      let dump = try Descriptor(folder("dump"), O_RDWR | O_CREAT, mode: 0o600)
      let (_, exported) = try told(version, .export(disk: 0, path: folder("disk"), to: dump.view), in: folder)
      #expect(
        exported == all.union(["EXPORT_DEVICE", "EXPORT_DISK_PATH", "EXPORT_INDEX", "EXP_SIZE_FD"]))
      #expect(try folder.read("dump") == "", "nothing but data")
    }
    try withScratch { folder in
      let dump = try Descriptor(folder("dump"), O_RDWR | O_CREAT, mode: 0o600)
      let (_, imported) = try told(version, .import(disk: 0, from: dump.view), in: folder)
      #expect(imported == all.union(["IMPORT_DEVICE", "IMPORT_DISK_PATH", "IMPORT_INDEX"]))
    }
  }

  @Test("tells what is secret to create and verify alone") func tellsSecret() throws {
    let cases: [(ScriptCall.Purpose, Bool)] = [
      (.create(isReinstall: false), true), (.create(isReinstall: true), true), (.verify, true),
      (.rename(from: try InstanceName("vm0")), false), (.import(disk: 0, from: nil), false),
    ]
    for (purpose, isTold) in cases {
      try withScratch { folder in
        let (_, names) = try told(20, purpose, in: folder, .secret)
        #expect(names.contains("OSP_SIZE") == isTold, "\(purpose)")
      }
    }
    try withScratch { folder in
      let (_, names) = try told(20, .export(disk: 0, path: folder("disk"), to: nil), in: folder, .secret)
      #expect(!names.contains("OSP_SIZE"))
    }
  }
}
