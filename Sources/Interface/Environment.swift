// SPDX-License-Identifier: Apache-2.0
package import Report

/// How a script is called from version 10 of the interface on: by environment variables, without arguments
/// (ganeti-os-interface(7) of Ganeti 2 and 3).
package struct Environment: Sendable {
  private let variables: EnvironmentVariables
  /// The most disks or network interfaces that are believed; Ganeti's limits are 16 and 8.
  private static let most = 1024

  /// Nil where the caller speaks version 5, which passes arguments.
  ///
  /// - Throws: `.invalid` for a version that is not known.
  package init?(_ variables: [String: String]) throws(Failure) {
    let found = EnvironmentVariables(variables)
    guard let text = found["OS_API_VERSION"], text != "\(InterfaceVersion.byArguments)" else { return nil }
    guard let version = Int(text), InterfaceVersion.byEnvironment.contains(version) else {
      throw Failure(
        .invalid, "OS_API_VERSION is \(text.quoted), must be 5, 10, 15 or 20",
        remedy: "declare in ganeti_api_version only versions that this program speaks")
    }
    self.variables = found
  }

  /// The call of a script.
  ///
  /// - Parameter definition: the definition's directory.
  /// - Throws: `.usage` for arguments that no host passes; `.invalid` for a variable that is missing or wrong, with its
  ///   name and its value.
  package func call(_ script: Script, _ arguments: [String], in definition: String) throws(Failure) -> Call {
    guard script == .verify || arguments.isEmpty else {
      throw Failure(.usage, "\(script.rawValue) takes no arguments when OS_API_VERSION is in the environment")
    }
    guard script != .verify || arguments == Self.argumentsOfVerify else {
      throw Failure(.usage, "verify checks parameters, not \(arguments.joined(separator: " ").quoted)")
    }
    guard let purpose = try purpose(of: script) else { return .verify(try os(in: definition)) }
    return .request(try request(purpose, in: definition))
  }

  static let argumentsOfVerify = ["parameters"]

  /// What is told in every call, and all that `verify` is told.
  private func os(in definition: String) throws(Failure) -> RequestedOS {
    // Ganeti 2.0 tells the name only with the instance.
    let name = variables["OS_NAME"] ?? variables["INSTANCE_OS"].map { OSName(parsing: $0).name }
    var os = RequestedOS(
      definition: definition, name: name ?? definition.split(separator: "/").last.map(String.init) ?? "guestsmith",
      variant: variables["OS_VARIANT"])
    os.debugLevel = try variables.number("DEBUG_LEVEL", in: 0...1000) ?? 0
    for (name, value) in variables.all(beginningWith: Self.parameterPrefix) { os.parameters[name.lowercased()] = value }
    return os
  }

  private func request(_ purpose: Request.Purpose, in definition: String) throws(Failure) -> Request {
    var request = Request(
      purpose, try variables.name("INSTANCE_NAME"), disks: try disks(), os: try os(in: definition))
    switch purpose {
    case .export: request.transferred = try transferred("EXPORT", of: request.instanceDisks)
    case .import: request.transferred = try transferred("IMPORT", of: request.instanceDisks)
    case .create, .rename: break
    }
    request.nics = try nics()
    request.uuid = variables["INSTANCE_UUID"]
    request.created = variables["INSTANCE_CTIME"]
    request.modified = variables["INSTANCE_MTIME"]
    request.primaryNode = variables["INSTANCE_PRIMARY_NODE"]
    request.secondaryNodes = (variables["INSTANCE_SECONDARY_NODES"] ?? "").split(separator: " ").map { String($0) }
    request.hypervisor = variables["HYPERVISOR"]
    request.backend = variables.all(beginningWith: "INSTANCE_BE_")
    request.hypervisorParameters = variables.all(beginningWith: "INSTANCE_HV_")
    return request
  }

  /// Nil for `verify`, which is not about an instance.
  private func purpose(of script: Script) throws(Failure) -> Request.Purpose? {
    switch script {
    case .create: .create(isReinstall: try variables.number("INSTANCE_REINSTALL", in: 0...1) == 1)
    case .import: .import
    // 0, 1 and 2 are the standard streams.
    case .export: .export(sizeDescriptor: try variables.number("EXP_SIZE_FD", in: 3...Int(Int32.max)).map { Int32($0) })
    case .rename: .rename(from: try variables.name("OLD_INSTANCE_NAME"))
    case .verify: nil
    }
  }

  private func disks() throws(Failure) -> [RequestedDisk] {
    var disks: [RequestedDisk] = []
    for index in 0..<(try variables.requiredNumber("DISK_COUNT", in: 0...Self.most)) {
      let name = "DISK_\(index)_"
      var disk = RequestedDisk(
        index: index, path: try variables.path(name + "PATH"), role: index == 0 ? .root : nil)
      disk.uri = variables[name + "URI"]
      if disk.path == nil, disk.uri == nil { _ = try variables.required(name + "PATH") }
      guard let access = RequestedDisk.Access(rawValue: try variables.required(name + "ACCESS")) else {
        throw variables.fault(name + "ACCESS", "rw or ro")
      }
      disk.access = access
      disk.backend = try backend(name + "BACKEND_TYPE")
      disk.uuid = variables[name + "UUID"]
      disk.name = variables[name + "NAME"]
      disk.frontend = variables[name + "FRONTEND_TYPE"]
      if let mebibytes = try variables.number(name + "SIZE", in: 0...1 << 40) { disk.size = UInt64(mebibytes) << 20 }
      disks.append(disk)
    }
    return disks
  }

  private func backend(_ name: String) throws(Failure) -> RequestedDisk.Backend? {
    guard let text = variables[name] else { return nil }
    if text == "block" { return .block }
    guard text.hasPrefix("file:") else { throw variables.fault(name, "block, or file: and a driver") }
    return .file(driver: String(text.dropFirst("file:".count)))
  }

  /// The disk that an export reads, which is a snapshot, or an import writes.
  private func transferred(_ way: String, of disks: [RequestedDisk]) throws(Failure) -> RequestedDisk {
    let name = way + "_INDEX"
    let index = try variables.requiredNumber(name, in: 0...Self.most)
    guard index < disks.count else { throw variables.fault(name, "less than DISK_COUNT, which is \(disks.count)") }
    var disk = disks[index]
    disk.uri = variables[way + "_DISK_URI"]
    // Ganeti before 2.9 has the older name only.
    let pathName = variables[way + "_DISK_PATH"] == nil ? way + "_DEVICE" : way + "_DISK_PATH"
    disk.path = try variables.path(pathName)
    if disk.path == nil, disk.uri == nil { _ = try variables.required(way + "_DEVICE") }
    return disk
  }

  private func nics() throws(Failure) -> [RequestedNIC] {
    var nics: [RequestedNIC] = []
    for index in 0..<(try variables.number("NIC_COUNT", in: 0...Self.most) ?? 0) {
      let name = "NIC_\(index)_"
      var nic = RequestedNIC(index: index)
      nic.mac = variables[name + "MAC"]
      nic.uuid = variables[name + "UUID"]
      nic.ip = try variables.address(name + "IP")
      nic.mode = variables[name + "MODE"]
      nic.link = variables[name + "LINK"] ?? variables[name + "BRIDGE"]
      nic.name = variables[name + "NAME"]
      nic.frontend = variables[name + "FRONTEND_TYPE"]
      var network = RequestedNIC.Network()
      network.name = variables[name + "NETWORK_NAME"]
      network.uuid = variables[name + "NETWORK_UUID"]
      network.subnet = try variables.subnet(name + "NETWORK_SUBNET")
      network.gateway = try variables.address(name + "NETWORK_GATEWAY")
      network.subnet6 = try variables.subnet(name + "NETWORK_SUBNET6")
      network.gateway6 = try variables.address(name + "NETWORK_GATEWAY6")
      network.tags = (variables[name + "NETWORK_TAGS"] ?? "").split(separator: " ").map(String.init)
      if network != RequestedNIC.Network() { nic.network = network }
      nics.append(nic)
    }
    return nics
  }
}
