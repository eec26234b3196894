// SPDX-License-Identifier: Apache-2.0
internal import Interface
internal import LinuxIO
internal import Report

// What a script is told: by arguments in version 5 (ganeti-os-interface(7) of Ganeti 1.2.6), by variables in 10, 15 and
// 20 (the same of Ganeti 3.0).

extension ScriptCall {
  /// Behind the name of the script.
  var arguments: [String] {
    guard version == 5 else { return purpose == .verify ? ["parameters"] : [] }
    func path(_ index: Int) -> String { instance.disks.count > index ? instance.disks[index].path : "" }
    return switch purpose {
    case .create, .import: ["-i", instance.name.text, "-b", path(0), "-s", path(1)]
    case .export(_, let path, _): ["-i", instance.name.text, "-b", path]
    case .rename(let old): ["-o", old.text, "-n", instance.name.text, "-b", path(0), "-s", path(1)]
    case .verify: []
    }
  }

  /// The whole environment: in version 5 our own and `LC_ALL=C`, as a daemon's of Ganeti 1.2.6.
  var environment: [String: String] {
    guard version > 5 else { return ownEnvironment().merging(["LC_ALL": "C"]) { $1 } }
    let core = ofEveryCall
    return purpose == .verify ? core : core.merging(ofInstance) { $1 }.merging(ofPurpose) { $1 }
  }

  /// All that `verify` is told.
  private var ofEveryCall: [String: String] {
    var variables = [
      "OS_API_VERSION": String(version), "OS_NAME": definition.name, "DEBUG_LEVEL": "0",
      "OS_VARIANT": version >= 15 ? instance.variant ?? definition.contents?.variants.first ?? "" : "",
      "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
    ]
    if version >= 20 {
      for (name, parameter) in instance.parameters { variables[Self.variable(of: name)] = parameter.value }
    }
    return variables
  }

  static func variable(of parameter: String) -> String {
    "OSP_" + String(parameter.uppercased().map { $0 == "-" ? "_" : $0 })
  }

  private var ofInstance: [String: String] {
    var variables = [
      "INSTANCE_NAME": instance.name.text, "INSTANCE_OS": instance.osName, "INSTANCE_UUID": instance.uuid,
      "INSTANCE_CTIME": String(instance.created), "INSTANCE_MTIME": String(instance.modified),
      "INSTANCE_PRIMARY_NODE": machineID(), "INSTANCE_SECONDARY_NODES": "", "HYPERVISOR": instance.hypervisor,
      "DISK_COUNT": String(instance.disks.count), "NIC_COUNT": String(instance.nics.count),
    ]
    for (name, value) in instance.backend { variables["INSTANCE_BE_\(name)"] = value }
    for (name, value) in instance.hypervisorParameters { variables["INSTANCE_HV_\(name)"] = value }
    for (index, disk) in instance.disks.enumerated() {
      for (name, value) in variablesOf(disk) { variables["DISK_\(index)_\(name)"] = value }
    }
    for (index, nic) in instance.nics.enumerated() {
      for (name, value) in variablesOf(nic) { variables["NIC_\(index)_\(name)"] = value }
    }
    return variables
  }

  private func variablesOf(_ disk: Instance.Disk) -> [String: String] {
    var variables = [
      "ACCESS": disk.access.rawValue, "PATH": disk.path, "UUID": disk.uuid, "SIZE": String(disk.size >> 20),
      "BACKEND_TYPE": examine(disk.path).status.isBlockDevice ? "block" : "file:loop",
    ]
    variables["NAME"] = disk.name
    variables["FRONTEND_TYPE"] = instance.hypervisorParameters["disk_type"]
    return variables
  }

  private func variablesOf(_ nic: Instance.NIC) -> [String: String] {
    var variables = ["MAC": nic.mac, "UUID": nic.uuid, "MODE": nic.mode, "LINK": nic.link ?? ""]
    variables["IP"] = nic.ip
    variables["NAME"] = nic.name
    variables["FRONTEND_TYPE"] = instance.hypervisorParameters["nic_type"]
    if nic.mode == "bridged" { variables["BRIDGE"] = nic.link }
    guard let network = nic.network else { return variables }
    variables["NETWORK_NAME"] = network.name
    variables["NETWORK_UUID"] = network.uuid
    variables["NETWORK_SUBNET"] = network.subnet.map { "\($0.address)/\($0.prefix)" }
    variables["NETWORK_GATEWAY"] = network.gateway
    variables["NETWORK_SUBNET6"] = network.subnet6.map { "\($0.address)/\($0.prefix)" }
    variables["NETWORK_GATEWAY6"] = network.gateway6
    return variables
  }

  private var ofPurpose: [String: String] {
    switch purpose {
    case .create(let isReinstall): return isReinstall ? ["INSTANCE_REINSTALL": "1"] : [:]
    case .rename(let old): return ["OLD_INSTANCE_NAME": old.text]
    case .export(let disk, let path, _):
      var variables = ["EXPORT_DEVICE": path, "EXPORT_DISK_PATH": path, "EXPORT_INDEX": String(disk)]
      if sizeDescriptor != nil { variables["EXP_SIZE_FD"] = String(Self.sizeNumber) }
      return variables
    case .import(let disk, _):
      let path = instance.disks[disk].path
      return ["IMPORT_DEVICE": path, "IMPORT_DISK_PATH": path, "IMPORT_INDEX": String(disk)]
    case .verify: return [:]
    }
  }

  // MARK: What cannot be told

  func checkForArguments() throws(Failure) {
    guard instance.disks.count == 2 else {
      throw Failure(
        .device,
        "the OS \(definition.name) speaks version 5 of the interface, which is for two disks, and "
          + "\(instance.name) has \(instance.disks.count)", remedy: "give it a root disk and one for swap")
    }
    if let parameter = instance.parameters.keys.min() {
      throw Failure(
        .invalid,
        "the OS \(definition.name) speaks version 5 of the interface, which has no parameters such as "
          + parameter.quoted, remedy: "leave the parameters out")
    }
    for argument in [definition.path] + arguments where !isShellSafe(argument) {
      throw Failure(
        .invalid, "\(argument.quoted) cannot be handed to a script of interface version 5",
        remedy: "use names and paths of letters, digits and . _ + / : % @ - only")
    }
  }

  func checkForEnvironment() throws(Failure) {
    if purpose == .verify && version < 20 {
      throw Failure(.script, "version \(version) of the interface has no verify script")
    }
    let known = definition.contents
    for name in instance.parameters.keys.sorted() {
      guard version >= 20, known?.parameters.contains(where: { $0.name.lowercased() == name.lowercased() }) == true
      else {
        let names = version < 20 ? [] : known?.parameters.map(\.name) ?? []
        throw Failure(
          .invalid, "the OS \(definition.name) has no parameter \(name.quoted)",
          remedy: names.isEmpty ? "it has none at all" : "it has: \(names.joined(separator: ", "))")
      }
    }
    let variants = version >= 15 ? known?.variants ?? [] : []
    if let variant = instance.variant, !variants.contains(variant) {
      throw Failure(
        .invalid, "the OS \(definition.name) has no variant \(variant.quoted)",
        remedy: variants.isEmpty ? "it has none at all" : "it has: \(variants.joined(separator: ", "))")
    }
  }
}

/// What stands for the UUID of the node: /etc/machine-id, written as a UUID.
private func machineID() -> String {
  guard let bytes = try? readFile("/etc/machine-id", limit: 32), bytes.count == 32 else {
    return "00000000-0000-0000-0000-000000000000"
  }
  var text = ""
  for (index, character) in String(decoding: bytes, as: UTF8.self).enumerated() {
    if [8, 12, 16, 20].contains(index) { text += "-" }
    text.append(character)
  }
  return text
}
