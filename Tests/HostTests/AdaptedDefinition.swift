// SPDX-License-Identifier: Apache-2.0
import Glibc
import Host
import Interface
import LinuxIO
import Report
import TestSupport

/// A definition that is called by the rules of a version of the interface, on disks in a scratch folder.
struct AdaptedDefinition {
  let scratch: Scratch
  let definition: OSDefinition
  let version: Int

  /// Adapts `source`, a folder.
  init(
    _ source: String, to version: Int, in scratch: Scratch, name: String = "adapted",
    _ choices: Adaptation.Choices = .init()
  ) throws {
    let adaptation = try Adaptation(of: source, to: version, into: scratch("os"), name: name, choices)
    guard try adaptation.install() == .installed else { throw Failure(.script, "\(source) was not adapted") }
    self.init(name, version: version, in: scratch)
  }

  /// A definition in the scratch folder's `os`.
  init(_ name: String, version: Int, in scratch: Scratch) {
    self.scratch = scratch
    self.version = version
    definition = OSDefinition(judging: name, in: scratch("os"))
  }

  /// Files of the scratch folder, made where they are not there.
  func instance(
    _ name: String, _ disks: [String], variant: String? = nil, parameters: [String: String] = [:]
  ) throws -> Instance {
    var instance = Instance(
      name: try InstanceName(name), os: definition.name, variant: variant, uuid: "5d2a9bd0-4f1c-4f5e-8b3a-000000000000",
      created: 1_700_000_000)
    for (index, disk) in disks.enumerated() {
      let path = disk.hasPrefix("/") ? disk : scratch(disk)
      if access(path, F_OK) != 0 { try makeSparseFile(path, size: index == 1 ? 4 << 20 : 24 << 20) }
      instance.disks.append(Instance.Disk(path: path, size: 24 << 20, uuid: "d15c-\(index)"))
    }
    instance.parameters = parameters.mapValues { Instance.Parameter($0) }
    return instance
  }

  func run(_ purpose: ScriptCall.Purpose, _ instance: Instance) throws {
    try ScriptCall(definition, purpose, of: instance, version: version).run(logFolder: scratch("log"))
  }

  func export(_ instance: Instance, disk: Int = 0, to dump: String) throws {
    let file = try Descriptor(scratch(dump), O_WRONLY | O_CREAT | O_TRUNC)
    try run(.export(disk: disk, path: instance.disks[disk].path, to: file.view), instance)
  }

  func `import`(_ instance: Instance, disk: Int = 0, from dump: String) throws {
    let file = try Descriptor(scratch(dump), O_RDONLY)
    try run(.import(disk: disk, from: file.view), instance)
  }
}

/// The loop devices whose files are in the folder or were removed.
func loopDevices(of scratch: Scratch) throws -> String {
  try shell("losetup --list --noheadings --output NAME,BACK-FILE | grep -F '\(scratch.path)' || :")
}
