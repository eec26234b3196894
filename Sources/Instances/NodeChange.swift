// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Host
package import Interface
internal import LinuxIO
package import Report
internal import Storage

extension Node {
  /// Installs the OS of an instance anew, or another one.
  ///
  /// - Parameters:
  ///   - os: nil for the one that it has.
  ///   - parameters: those that are new or differ; of another OS all are to be given.
  package func reinstallInstance(
    _ name: InstanceName, os: String?, parameters: [String: Instance.Parameter]
  ) throws(Failure) {
    try changing(name, for: "instance reinstall") { instance throws(Failure) in
      let definition = try reinstalled(&instance, os: os, parameters: parameters)
      _ = try call(definition, .create(isReinstall: true), of: instance)
      try verify(instance, by: definition)
      return { drafted throws(Failure) in
        let call = try call(definition, .create(isReinstall: true), of: drafted)
        try run(call, on: drafted, "reinstall \(name) by \(drafted.osName)")
      }
    }
  }

  /// Makes the description that of a reinstallation; returns the definition that installs.
  func reinstalled(
    _ instance: inout KeptInstance, os: String?, parameters: [String: Instance.Parameter]
  ) throws(Failure) -> OSDefinition {
    var (definition, variant) = try find(os ?? instance.osName, isChosen: os != nil)
    if os == nil { variant = instance.variant }
    let before = instance.os == definition.name ? instance.parameters : [:]
    instance.os = definition.name
    instance.variant = variant
    instance.parameters = before.merging(parameters) { $1 }
    try instance.checkParametersCanBeKept()
    return definition
  }

  /// Gives an instance, and the OS inside, another name.
  package func renameInstance(_ old: InstanceName, to new: InstanceName) throws(Failure) {
    guard old != new else {
      throw Failure(.usage, "\(old) has that name already", remedy: "give the name that it gets")
    }
    try changing(old, and: new, for: "instance rename") { instance throws(Failure) in
      try state.checkFree(new)
      let definition = try definition(of: instance)
      instance.name = new
      _ = try call(definition, .rename(from: old), of: instance)
      return { drafted throws(Failure) in
        let call = try call(definition, .rename(from: old), of: drafted)
        try run(call, on: drafted, "rename \(old) to \(new) by \(drafted.osName)")
      }
    }
  }

  /// Removes an instance. Disks that were adopted stay as they are.
  package func removeInstance(_ name: InstanceName) throws(Failure) {
    try state.locking([State.key(name)], for: "instance remove", steps: steps) { _ throws(Failure) in
      guard state.has(name) else { throw missing(name) }
      let folder = try Folder(state.instances)
      let key = State.key(name)
      let draft = State.draft(ofInstance: key)
      try folder.move(key, to: folder, as: draft)
      try folder.flush()
      try folder.remove(draft)
    }
  }

  /// What `removeInstance` would remove, and what would stay: paths of disks.
  package func planRemoval(of name: InstanceName) throws(Failure) -> (removed: [String], kept: [String]) {
    guard state.has(name) else { throw missing(name) }
    // One whose description is corrupt can be removed too.
    return ([state.instanceFolder(name)], (try? state.instance(name))?.adoptedPaths ?? [])
  }

  private func missing(_ name: InstanceName) -> Failure {
    Failure(
      .invalid, "there is no instance \(name) in \(state.folder)",
      remedy: "see guestsmith instance list for what there is")
  }

  /// Changes an instance as a whole or not at all: the scripts work on copies of its disks, which then take their place.
  ///
  /// - Parameters:
  ///   - other: the name that it gets.
  ///   - plan: changes the description, and returns what is to be done with the disks.
  private func changing(
    _ name: InstanceName, and other: InstanceName? = nil, for operation: String,
    _ plan: (inout KeptInstance) throws(Failure) -> (KeptInstance) throws(Failure) -> Void
  ) throws(Failure) {
    let adopted = (try? state.instance(name))?.adoptedPaths ?? []
    let keys = [State.key(name)] + (other.map { [State.key($0)] } ?? []) + adopted.compactMap(adoptionKey)
    try state.locking(keys, for: operation, steps: steps) { _ throws(Failure) in
      let before = try state.instance(name)
      for index in before.disks.indices {
        if let fault = before.diskFault(index) { throw fault }
      }
      var after = before
      after.serial += 1
      after.modified = time(nil)
      after.unfinished = nil
      let change = try plan(&after)
      let key = State.key(name)
      try withStagedFolder(state.instances, State.draft(ofInstance: key)) { draft throws(Failure) in
        let drafted = after.inFolder(draft.path)
        try copyDisks(of: before, to: draft.path)
        try copyVariables(of: name, to: draft.path)
        // Disks that are adopted are changed in their place: until that is over, nobody is to use them.
        if !before.adopted.isEmpty {
          var marked = before
          marked.unfinished = operation
          try marked.describe(in: state.instanceFolder(name))
        }
        try change(drafted)
        try flush(drafted)
        try after.describe(in: draft.path)
        try draft.commit(as: key) { folder throws(Failure) in
          guard let other else { return }
          try folder.flush()
          try folder.move(key, to: folder, as: State.key(other))
        }
      }
    }
  }

  /// Copies what the instance's firmware has stored into `folder`: it is the machine's, whatever is installed on it.
  private func copyVariables(of name: InstanceName, to folder: String) throws(Failure) {
    for file in Firmware.allCases.map(\.variablesName) {
      let kept = try Folder(state.instanceFolder(name)).contents(of: file, limit: Firmware.limit)
      if let kept { try Folder(folder).write(kept, to: file, mode: 0o600) }
    }
  }

  /// Copies the instance's own disks into `folder`.
  func copyDisks(of instance: KeptInstance, to folder: String) throws(Failure) {
    let disks = instance.ownDisks
    guard !disks.isEmpty else { return }
    try steps.step("copy the disks of \(instance.name)") { progress throws(Failure) in
      for (index, disk) in disks { try copySparse(disk.path, to: "\(folder)/disk\(index)", progress: progress) }
    }
  }
}
