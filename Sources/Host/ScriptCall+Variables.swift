// SPDX-License-Identifier: Apache-2.0
internal import Interface
internal import LinuxIO
internal import Report

// What a script is told of an instance.

extension ScriptCall {
  /// Behind the name of the script.
  var arguments: [String] {
    guard version == InterfaceVersion.byArguments, case .request(let request) = told else {
      return Environment.arguments(of: told)
    }
    return Arguments.words(of: request)
  }

  /// The whole environment: in version 5 our own and `LC_ALL=C`, as a daemon's of Ganeti 1.2.6.
  var environment: [String: String] {
    guard version > InterfaceVersion.byArguments else { return ownEnvironment().merging(["LC_ALL": "C"]) { $1 } }
    return Environment.variables(of: told, version: version)
  }

  /// What the script is told.
  private var told: Call {
    var os = RequestedOS(definition: definition.path, name: definition.name)
    if version >= InterfaceVersion.firstWithVariants {
      os.variant = instance.variant ?? preferredVariant(of: definition.contents?.variants ?? [])
    }
    os.parameters = instance.parameters.filter { isTold($0.value) }.mapValues(\.value)
    guard let requested else { return .verify(os) }
    let disks = instance.disks.indices.map(requestedDisk)
    var request = Request(requested, instance.name, disks: disks, os: os)
    switch purpose {
    case .export(let disk, let path, _):
      request.transferred = disks[disk]
      request.transferred?.path = path
    // Version 5 restores all disks in one call.
    case .import(let disk, _): request.transferred = version == InterfaceVersion.byArguments ? nil : disks[disk]
    case .create, .rename, .verify: break
    }
    request.nics = instance.nics.indices.map(requestedNIC)
    request.uuid = instance.uuid
    request.created = String(instance.created)
    request.modified = String(instance.modified)
    request.primaryNode = machineID()
    request.hypervisor = instance.hypervisor
    request.backend = instance.backend
    request.hypervisorParameters = instance.hypervisorParameters
    return .request(request)
  }

  /// Whether a script learns of it: what is secret is for those that look at it and that make a guest of it.
  private func isTold(_ parameter: Instance.Parameter) -> Bool {
    switch purpose {
    case .create, .verify: true
    case .rename, .export, .import: parameter.visibility != .secret
    }
  }

  /// Nil for `verify`.
  private var requested: Request.Purpose? {
    switch purpose {
    case .create(let isReinstall): .create(isReinstall: isReinstall)
    case .rename(let old): .rename(from: old)
    case .export: .export(sizeDescriptor: sizeDescriptor.map { _ in Self.sizeNumber })
    case .import: .import
    case .verify: nil
    }
  }

  private func requestedDisk(_ index: Int) -> RequestedDisk {
    let disk = instance.disks[index]
    var requested = RequestedDisk(index: index, path: disk.path)
    requested.access = disk.access
    requested.backend = examine(disk.path).status.isBlockDevice ? .block : .file(driver: "loop")
    requested.size = disk.size
    requested.uuid = disk.uuid
    requested.name = disk.name
    requested.frontend = instance.hypervisorParameters["disk_type"]
    return requested
  }

  private func requestedNIC(_ index: Int) -> RequestedNIC {
    let nic = instance.nics[index]
    var requested = RequestedNIC(index: index)
    requested.mac = nic.mac
    requested.uuid = nic.uuid
    requested.ip = nic.ip
    requested.mode = nic.mode
    requested.link = nic.link
    requested.name = nic.name
    requested.frontend = instance.hypervisorParameters["nic_type"]
    requested.network = nic.network
    return requested
  }

  // MARK: What cannot be called, or passed

  /// A create beside the other one is called, as hosts before Ganeti 2.12 do, which know that alone.
  func checkForCreate() throws(Failure) {
    guard script == .create, definition.contents?.lacksCreate == true else { return }
    throw Failure(
      .script,
      "the OS \(definition.name) lacks create: its \(DefinitionFile.untrustedCreate) is for a virtual machine, in which "
        + "this host runs no scripts",
      remedy: "give it a create that may run on the host, or leave it to Ganeti 2.12 or later")
  }

  func checkForArguments() throws(Failure) {
    guard instance.disks.count == 2 else {
      throw Failure(
        .device,
        "the OS \(definition.name) speaks version 5 of the interface, which needs two disks, but "
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
        .invalid, "\(argument.quoted) cannot be passed to a script of interface version 5",
        remedy: "use names and paths of letters, digits and . _ + / : % @ - only")
    }
  }

  func checkForEnvironment() throws(Failure) {
    if purpose == .verify && version < InterfaceVersion.firstWithParameters {
      throw Failure(.script, "version \(version) of the interface has no verify script")
    }
    let known = definition.contents
    for name in instance.parameters.keys.sorted() {
      guard version >= InterfaceVersion.firstWithParameters,
        known?.parameters.contains(where: { $0.name.lowercased() == name.lowercased() }) == true
      else {
        let names = version < InterfaceVersion.firstWithParameters ? [] : known?.parameters.map(\.name) ?? []
        throw Failure(
          .invalid, "the OS \(definition.name) has no parameter \(name.quoted)",
          remedy: names.isEmpty ? "it has no parameters" : "it has: \(names.joined(separator: ", "))")
      }
    }
    let variants = version >= InterfaceVersion.firstWithVariants ? known?.variants ?? [] : []
    if let variant = instance.variant, !variants.contains(variant) {
      throw Failure(
        .invalid, "the OS \(definition.name) has no variant \(variant.quoted)",
        remedy: variants.isEmpty ? "it has no variants" : "it has: \(variants.joined(separator: ", "))")
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
