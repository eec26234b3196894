// SPDX-License-Identifier: Apache-2.0
package import Report

/// How a script is called from version 10 of the interface on: by environment variables, without arguments
/// (ganeti-os-interface(7) of Ganeti 2 and 3).
package struct Environment: Sendable {
  /// The versions that this program speaks in this way.
  package static let versions = [10, 15, 20]

  /// What `verify` prints for `-h`, and with the fault when it is called wrongly.
  package static let usageOfVerify = """
    usage: verify parameters

    Checks what is in the environment as OSP_NAME, and the variant in OS_VARIANT: a line for each fault.

    """

  private let variables: EnvironmentVariables
  /// The most disks or network interfaces that are believed; Ganeti's limits are 16 and 8.
  private static let most = 1024

  /// Nil where the caller speaks version 5, which passes arguments.
  ///
  /// - Throws: `.invalid` for a version that is not known.
  package init?(_ variables: [String: String]) throws(Failure) {
    let found = EnvironmentVariables(variables)
    guard let text = found["OS_API_VERSION"], text != "5" else { return nil }
    guard let version = Int(text), Self.versions.contains(version) else {
      throw Failure(
        .invalid, "OS_API_VERSION is \(text.quoted), must be 5, 10, 15 or 20",
        remedy: "declare in ganeti_api_version only versions that this program speaks")
    }
    self.variables = found
  }

  /// What is told in every call, and all that `verify` is told.
  ///
  /// - Parameter definition: the definition's directory.
  package func os(in definition: String) throws(Failure) -> RequestedOS {
    // Ganeti 2.0 tells the name only with the instance.
    let name = variables["OS_NAME"] ?? variables["INSTANCE_OS"].map { String($0.prefix { $0 != "+" }) }
    var os = RequestedOS(
      definition: definition, name: name ?? definition.split(separator: "/").last.map(String.init) ?? "guestsmith",
      variant: variables["OS_VARIANT"])
    os.debugLevel = try variables.number("DEBUG_LEVEL", in: 0...1000) ?? 0
    for (name, value) in variables.all(beginningWith: "OSP_") { os.parameters[name.lowercased()] = value }
    return os
  }

  /// The request of a call.
  ///
  /// - Throws: `.invalid` for a variable that is missing or wrong, with its name and its value.
  package func request(_ operation: Operation, in definition: String) throws(Failure) -> Request {
    var request = Request(
      operation: operation, instance: try variables.name("INSTANCE_NAME"),
      oldName: operation == .rename ? try variables.name("OLD_INSTANCE_NAME") : nil, disks: try disks(),
      os: try os(in: definition))
    request.nics = try nics()
    request.uuid = variables["INSTANCE_UUID"]
    request.hypervisor = variables["HYPERVISOR"]
    request.isReinstall = try variables.number("INSTANCE_REINSTALL", in: 0...1) == 1
    switch operation {
    case .export: request.disks = [try transferred("EXPORT", of: request.disks)]
    case .import: request.disks = [try transferred("IMPORT", of: request.disks)]
    case .create, .rename: break
    }
    if operation == .export {
      // The three below belong to everyone.
      if let number = try variables.number("EXP_SIZE_FD", in: 3...Int(Int32.max)) {
        request.sizeDescriptor = Int32(number)
      }
    }
    return request
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
      nic.ip = try variables.address(name + "IP")
      nic.mode = variables[name + "MODE"]
      nic.link = variables[name + "LINK"] ?? variables[name + "BRIDGE"]
      var network = RequestedNIC.Network()
      network.name = variables[name + "NETWORK_NAME"]
      network.uuid = variables[name + "NETWORK_UUID"]
      network.subnet = try variables.subnet(name + "NETWORK_SUBNET")
      network.gateway = try variables.address(name + "NETWORK_GATEWAY")
      network.subnet6 = try variables.subnet(name + "NETWORK_SUBNET6")
      network.gateway6 = try variables.address(name + "NETWORK_GATEWAY6")
      if network != RequestedNIC.Network() { nic.network = network }
      nics.append(nic)
    }
    return nics
  }
}
