// SPDX-License-Identifier: Apache-2.0
package import Interface
package import Report

/// This machine as a host of the interface: it runs the scripts of OS definitions on the disks of instances.
package struct Node: Sendable {
  package let searchPath: SearchPath
  /// Where the logs of scripts go, into its folder `os`.
  package let logFolder: String
  package let steps: Steps

  package static let standardLogFolder = "/var/log/guestsmith"

  package init(searchPath: SearchPath = .standard, logFolder: String = standardLogFolder, steps: Steps) {
    self.searchPath = searchPath
    self.logFolder = logFolder
    self.steps = steps
  }

  /// Installs an OS onto the disks of a new instance.
  ///
  /// - Parameter force: whether disks that hold something may be overwritten.
  package func createInstance(
    _ name: InstanceName, os: String, disk: DiskRequest, swap: DiskRequest, force: Bool
  ) throws {
    let definition = try searchPath.definition(named: os)
    let call = try ScriptCall(
      definition, .create(isReinstall: false), of: instance(name, of: definition, disk, swap), version: 5)
    try withWritableDisks([disk, swap], force: force) {
      try steps.step("create \(name) by \(definition.name)") { _ in _ = try call.run(logFolder: logFolder) }
    }
  }

  /// Has the OS inside an instance take another name.
  package func renameInstance(
    _ old: InstanceName, to new: InstanceName, os: String, disk: DiskRequest, swap: DiskRequest
  ) throws {
    let definition = try searchPath.definition(named: os)
    let call = try ScriptCall(definition, .rename(from: old), of: instance(new, of: definition, disk, swap), version: 5)
    try checkPresent(disk)
    try checkPresent(swap)
    try checkDifferent([disk, swap])
    try steps.step("rename \(old) to \(new) by \(definition.name)") { _ in _ = try call.run(logFolder: logFolder) }
  }

  func instance(
    _ name: InstanceName, of definition: OSDefinition, _ disk: DiskRequest, _ swap: DiskRequest
  ) -> Instance {
    var instance = Instance(name: name, os: definition.name, uuid: "", created: 0)
    instance.disks = [disk, swap].map { Instance.Disk(path: $0.path, size: $0.size ?? 0, uuid: "") }
    return instance
  }
}
