// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
package import Report
internal import Storage

extension Node {
  /// Makes an instance and has its OS installed. Nothing is left when that fails.
  @discardableResult
  package func createInstance(_ request: InstanceRequest) throws(Failure) -> KeptInstance {
    try locking(request, for: "instance create") { () throws(Failure) in
      try state.checkFree(request.name)
      let (planned, definition) = try plan(request)
      // Refused before anything is made, whether it is to be installed now or later.
      _ = try call(definition, .create(isReinstall: false), of: planned)
      if request.installs { try verify(planned, by: definition) }
      return try make(planned) { instance throws(Failure) in
        guard request.installs else { return }
        let call = try call(definition, .create(isReinstall: false), of: instance)
        try run(call, on: instance, "create \(instance.name) by \(instance.osName)")
      }
    }
  }

  /// Runs `body` while the name and the disks that are adopted belong to this process.
  func locking<R>(
    _ request: InstanceRequest, _ more: [String] = [], for operation: String, _ body: () throws(Failure) -> R
  )
    throws(Failure) -> R
  {
    let adopted = request.disks.compactMap(\.adopted)
    for (index, path) in adopted.enumerated() {
      for other in adopted[..<index] where Disk.areSame(path, other) {
        throw Failure(.device, "\(other) and \(path) are the same disk", remedy: "give each disk one of its own")
      }
    }
    let keys = [State.key(request.name)] + more + adopted.compactMap(adoptionKey)
    return try state.locking(keys, for: operation, steps: steps) { _ throws(Failure) in try body() }
  }

  /// Makes the disks of `planned`, has `fill` put something on them, and makes it an instance.
  func make(_ planned: KeptInstance, _ fill: (KeptInstance) throws(Failure) -> Void) throws(Failure) -> KeptInstance {
    let key = State.key(planned.name)
    return try withStagedFolder(state.instances, State.draft(ofInstance: key)) { draft throws(Failure) in
      let drafted = planned.inFolder(draft.path)
      for (_, disk) in drafted.ownDisks { try makeDisk(disk) }
      try fill(drafted)
      try flush(drafted)
      try planned.describe(in: draft.path)
      try draft.commit(as: key)
      return planned
    }
  }

  /// What the request comes to, with the paths that the disks will have.
  ///
  /// - Parameter isOSChosen: false where it is that of an export.
  func plan(_ request: InstanceRequest, isOSChosen: Bool = true) throws(Failure) -> (KeptInstance, OSDefinition) {
    guard let os = request.os else {
      throw Failure(.usage, "no OS is given", remedy: "give one that guestsmith os list shows: -o NAME")
    }
    // No script is called where nothing is installed: then nothing depends on the variant yet.
    let (definition, variant) = try find(os, isChosen: isOSChosen && request.installs)
    var instance = KeptInstance(
      Instance(
        name: request.name, os: definition.name, variant: variant, uuid: UUID.random().description, created: time(nil)))
    instance.parameters = request.parameters
    instance.backend = try request.fullBackend()
    try request.checkHypervisorParameters()
    instance.hypervisor = request.hypervisor ?? instance.hypervisor
    instance.hypervisorParameters = request.hypervisorParameters
    try instance.checkParametersCanBeKept()
    for template in try request.orderedDisks() {
      let size = try template.adopted.map { path throws(Failure) in
        try state.examineAdopted(path, overwrites: request.force || !request.installs)
      }
      var disk = Instance.Disk(
        path: template.adopted ?? "\(state.instanceFolder(request.name))/disk\(template.index)",
        size: size ?? template.size ?? 0, uuid: UUID.random().description)
      if template.adopted != nil { instance.adopted.insert(instance.disks.count) }
      disk.name = template.name
      disk.access = template.access
      instance.disks.append(disk)
    }
    var used = Set(try state.list().flatMap { $0.instance?.nics.map(\.mac) ?? [] })
    for template in try request.orderedNICs() {
      if let mac = template.mac, !used.insert(mac).inserted {
        throw Failure(
          .invalid, "the MAC \(mac) is that of another interface",
          remedy: "give it one of its own: --net \(template.index):mac=auto")
      }
      let mac = template.mac ?? randomMAC(besides: used)
      used.insert(mac)
      var nic = Instance.NIC(mac: mac, uuid: UUID.random().description)
      nic.ip = template.ip
      nic.mode = template.mode ?? "bridged"
      nic.link = template.link ?? (["routed", "ext"].contains(nic.mode) ? nil : "br0")
      nic.name = template.name
      nic.network = template.network.map { RequestedNIC.Network(name: $0, uuid: UUID.random().description) }
      instance.nics.append(nic)
    }
    return (instance, definition)
  }

  func makeDisk(_ disk: Instance.Disk) throws(Failure) {
    try Descriptor(disk.path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600).setLength(disk.size)
  }

  /// Waits until what is on the disks is on the machine's own.
  func flush(_ instance: KeptInstance) throws(Failure) {
    for disk in instance.disks { try Descriptor(disk.path, O_RDONLY).flush() }
  }
}

extension KeptInstance {
  /// The same with its own disks in `folder`.
  func inFolder(_ folder: String) -> KeptInstance {
    var instance = self
    for (index, _) in ownDisks { instance.disks[index].path = "\(folder)/disk\(index)" }
    return instance
  }

  /// Writes the description into `folder`, in the place of the one that is there.
  func describe(in folder: String) throws(Failure) {
    let folder = try Folder(folder)
    let draft = Self.descriptionFile + ".new"
    try folder.remove(draft)
    try folder.write(Array(description.text.utf8), to: draft, mode: 0o600)
    try folder.move(draft, to: folder, as: Self.descriptionFile)
    try folder.flush()
  }

  func checkParametersCanBeKept() throws(Failure) {
    for (name, parameter) in told.parameters where parameter.visibility != .secret {
      if let fault = INI.fault(inValue: parameter.value) {
        throw Failure(.invalid, "the value of the parameter \(name.escaped) \(fault)")
      }
    }
    for name in told.parameters.keys where name.contains(where: { "=:[]#;\n".contains($0) || $0.isWhitespace }) {
      throw Failure(.invalid, "\(name.quoted) is not the name of a parameter")
    }
  }
}
