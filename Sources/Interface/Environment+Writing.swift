// SPDX-License-Identifier: Apache-2.0

// The other side of the same variables: what a host sets.

extension Environment {
  static let parameterPrefix = "OSP_"
  private static let path = "/sbin:/bin:/usr/sbin:/usr/bin"

  /// The variable that a parameter of a definition is passed in.
  package static func variable(ofParameter name: String) -> String {
    parameterPrefix + String(name.uppercased().map { $0 == "-" ? "_" : $0 })
  }

  /// The arguments of a call: only `verify` has any.
  package static func arguments(of call: Call) -> [String] { call.script == .verify ? argumentsOfVerify : [] }

  /// The whole environment of a call in version 10, 15 or 20.
  package static func variables(of call: Call, version: Int) -> [String: String] {
    switch call {
    case .verify(let os): variables(of: os, version)
    case .request(let request): variables(of: request.os, version).merging(variables(of: request)) { $1 }
    }
  }

  private static func variables(of os: RequestedOS, _ version: Int) -> [String: String] {
    var variables = [
      "OS_API_VERSION": "\(version)", "OS_NAME": os.name, "DEBUG_LEVEL": "\(os.debugLevel)", "PATH": path,
      "OS_VARIANT": version >= InterfaceVersion.firstWithVariants ? os.variant ?? "" : "",
    ]
    guard version >= InterfaceVersion.firstWithParameters else { return variables }
    for (name, value) in os.parameters { variables[variable(ofParameter: name)] = value }
    return variables
  }

  private static func variables(of request: Request) -> [String: String] {
    var variables = [
      "INSTANCE_NAME": request.instance.text, "INSTANCE_OS": request.os.fullName,
      "INSTANCE_SECONDARY_NODES": request.secondaryNodes.joined(separator: " "),
      "DISK_COUNT": "\(request.instanceDisks.count)", "NIC_COUNT": "\(request.nics.count)",
    ]
    variables["INSTANCE_UUID"] = request.uuid
    variables["INSTANCE_CTIME"] = request.created
    variables["INSTANCE_MTIME"] = request.modified
    variables["INSTANCE_PRIMARY_NODE"] = request.primaryNode
    variables["HYPERVISOR"] = request.hypervisor
    for (name, value) in request.backend { variables["INSTANCE_BE_\(name)"] = value }
    for (name, value) in request.hypervisorParameters { variables["INSTANCE_HV_\(name)"] = value }
    for disk in request.instanceDisks {
      for (name, value) in self.variables(of: disk) { variables["DISK_\(disk.index)_\(name)"] = value }
    }
    for nic in request.nics {
      for (name, value) in self.variables(of: nic) { variables["NIC_\(nic.index)_\(name)"] = value }
    }
    switch request.purpose {
    case .create(let isReinstall): variables["INSTANCE_REINSTALL"] = isReinstall ? "1" : nil
    case .rename(let old): variables["OLD_INSTANCE_NAME"] = old.text
    case .export(let descriptor): variables["EXP_SIZE_FD"] = descriptor.map { "\($0)" }
    case .import: break
    }
    if let disk = request.transferred {
      let way = request.script.rawValue.uppercased()
      variables["\(way)_INDEX"] = "\(disk.index)"
      // Ganeti from 2.9 on has both names.
      for name in ["DEVICE", "DISK_PATH"] { variables["\(way)_\(name)"] = disk.path }
      variables["\(way)_DISK_URI"] = disk.uri
    }
    return variables
  }

  private static func variables(of disk: RequestedDisk) -> [String: String] {
    var variables = ["ACCESS": disk.access.rawValue]
    variables["PATH"] = disk.path
    variables["URI"] = disk.uri
    variables["UUID"] = disk.uuid
    variables["NAME"] = disk.name
    variables["SIZE"] = disk.size.map { "\($0 >> 20)" }
    variables["FRONTEND_TYPE"] = disk.frontend
    variables["BACKEND_TYPE"] =
      switch disk.backend {
      case .block: "block"
      case .file(let driver): "file:\(driver)"
      case nil: nil
      }
    return variables
  }

  private static func variables(of nic: RequestedNIC) -> [String: String] {
    var variables = ["LINK": nic.link ?? ""]
    variables["MAC"] = nic.mac
    variables["UUID"] = nic.uuid
    variables["MODE"] = nic.mode
    variables["IP"] = nic.ip
    variables["NAME"] = nic.name
    variables["FRONTEND_TYPE"] = nic.frontend
    if nic.mode == "bridged" { variables["BRIDGE"] = nic.link }
    guard let network = nic.network else { return variables }
    variables["NETWORK_NAME"] = network.name
    variables["NETWORK_UUID"] = network.uuid
    variables["NETWORK_SUBNET"] = network.subnet?.text
    variables["NETWORK_GATEWAY"] = network.gateway
    variables["NETWORK_SUBNET6"] = network.subnet6?.text
    variables["NETWORK_GATEWAY6"] = network.gateway6
    if !network.tags.isEmpty { variables["NETWORK_TAGS"] = network.tags.joined(separator: " ") }
    return variables
  }
}

extension RequestedNIC.Subnet {
  fileprivate var text: String { "\(address)/\(prefix)" }
}
