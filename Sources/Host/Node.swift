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
    let call = ScriptCall(
      definition: definition, script: .create,
      arguments: ["-i", name.text, "-b", disk.path, "-s", swap.path], logName: "add-\(definition.name)-\(name)")
    try call.check()
    try withWritableDisks([disk, swap], force: force) {
      try steps.step("create \(name) by \(definition.name)") { _ in try call.run(logFolder: logFolder) }
    }
  }

  /// Has the OS inside an instance take another name.
  package func renameInstance(
    _ old: InstanceName, to new: InstanceName, os: String, disk: DiskRequest, swap: DiskRequest
  ) throws {
    let definition = try searchPath.definition(named: os)
    let call = ScriptCall(
      definition: definition, script: .rename,
      arguments: ["-o", old.text, "-n", new.text, "-b", disk.path, "-s", swap.path],
      logName: "rename-\(definition.name)-\(old)-\(new)")
    try call.check()
    try checkPresent(disk)
    try checkPresent(swap)
    try checkDifferent([disk, swap])
    try steps.step("rename \(old) to \(new) by \(definition.name)") { _ in try call.run(logFolder: logFolder) }
  }
}
