// SPDX-License-Identifier: Apache-2.0

/// What a host calls an OS definition for. The raw value is the name of the script.
package enum Operation: String, CaseIterable, Sendable {
  case create, `import`, export, rename
}

/// What a host asks for, in whichever version of the interface it asked: nothing behind this value knows the version.
package struct Request: Equatable, Sendable {
  package var operation: Operation
  /// The instance's name; after a rename, the new one.
  package var instance: InstanceName
  /// What the instance was called before a rename.
  package var oldName: InstanceName?
  /// In the order in which the guest sees them.
  package var disks: [RequestedDisk]
  /// The directory of the OS definition, where its own configuration is.
  package var definition: String
  /// The variant of the OS that was asked for.
  package var variant: String?

  package init(
    operation: Operation, instance: InstanceName, oldName: InstanceName? = nil, disks: [RequestedDisk],
    definition: String, variant: String? = nil
  ) {
    self.operation = operation
    self.instance = instance
    self.oldName = oldName
    self.disks = disks
    self.definition = definition
    self.variant = variant
  }

  package var root: String? { disks.first { $0.role == .root }?.path }
  package var swap: String? { disks.first { $0.role == .swap }?.path }
}

/// A disk of the instance and what the guest is to do with it.
package struct RequestedDisk: Equatable, Sendable {
  package enum Role: Equatable, Sendable {
    case root, swap
  }

  package var path: String
  package var role: Role

  package init(path: String, role: Role) {
    self.path = path
    self.role = role
  }
}
