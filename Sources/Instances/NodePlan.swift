// SPDX-License-Identifier: Apache-2.0
package import Host
package import Interface
internal import LinuxIO
package import Report

/// What a change would make of an instance, and what the scripts of its OS would do to its disks.
package struct PlannedChange: Sendable {
  package let instance: KeptInstance
  /// A line for each thing; nil where the scripts are of another program, which can't be asked.
  package let script: [String]?
}

extension Node {
  /// What `createInstance` would make. Nothing is made but, for a moment, empty files in place of the disks.
  package func planInstance(_ request: InstanceRequest) throws(Failure) -> PlannedChange {
    try state.checkFree(request.name)
    let (instance, definition) = try plan(request)
    let call = try call(definition, .create(isReinstall: false), of: instance)
    guard request.installs else { return PlannedChange(instance: instance, script: []) }
    return PlannedChange(instance: instance, script: try planned(call, of: instance))
  }

  /// What `importBackup` would make.
  package func planImport(_ request: InstanceRequest, from place: ExportPlace) throws(Failure) -> PlannedChange {
    let (instance, calls) = try planCalls(request, from: place)
    var lines: [String] = []
    for call in calls {
      guard let told = try planned(call, of: instance) else { return PlannedChange(instance: instance, script: nil) }
      lines += told
    }
    return PlannedChange(instance: instance, script: lines)
  }

  /// What `reinstallInstance` would do.
  package func planReinstallation(
    _ name: InstanceName, os: String?, parameters: [String: Instance.Parameter]
  ) throws(Failure) -> PlannedChange {
    var instance = try state.instance(name)
    let definition = try reinstalled(&instance, os: os, parameters: parameters)
    return PlannedChange(
      instance: instance, script: try call(definition, .create(isReinstall: true), of: instance).plan())
  }

  /// What `renameInstance` would do.
  package func planRename(_ old: InstanceName, to new: InstanceName) throws(Failure) -> PlannedChange {
    var instance = try state.instance(old)
    try state.checkFree(new)
    instance.name = new
    return PlannedChange(
      instance: instance, script: try call(definition(of: instance), .rename(from: old), of: instance).plan())
  }

  /// The plan of a call whose disks are not there yet: empty files of their sizes take their place.
  private func planned(_ call: ScriptCall, of instance: KeptInstance) throws(Failure) -> [String]? {
    let prefix = "guestsmith-plan-"
    ScratchFolder.removeLeft(in: temporaryFolder, prefix: prefix)
    let scratch = try ScratchFolder(in: temporaryFolder, prefix: prefix)
    defer { scratch.remove() }
    let drafted = instance.inFolder(scratch.path)
    for (_, disk) in drafted.ownDisks { try makeDisk(disk) }
    let call = try self.call(call.definition, call.purpose, of: drafted)
    return try call.plan()?.map { $0.replacing("\(scratch.path)/", with: "\(state.instanceFolder(drafted.name))/") }
  }
}
