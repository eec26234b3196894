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
  /// The disks that the call is about, in the order in which the guest sees them: all of the instance's, or the one that
  /// is exported or imported where a host does that disk by disk.
  package var disks: [RequestedDisk]
  /// In the order in which the guest sees them.
  package var nics: [RequestedNIC] = []
  package var os: RequestedOS
  /// The instance's UUID, where the host has one.
  package var uuid: String?
  /// Such as `kvm`, `xen-pvm` or `fake`.
  package var hypervisor: String?
  /// The instance was there before, and is installed anew.
  package var isReinstall = false
  /// Where the host wants to be told how many bytes an export will have.
  package var sizeDescriptor: Int32?

  package init(
    operation: Operation, instance: InstanceName, oldName: InstanceName? = nil, disks: [RequestedDisk],
    os: RequestedOS
  ) {
    self.operation = operation
    self.instance = instance
    self.oldName = oldName
    self.disks = disks
    self.os = os
  }

  /// The directory of the OS definition.
  package var definition: String { os.definition }
  package var variant: String? { os.variant }
  package var root: String? { disks.first { $0.role == .root }?.path }
  package var swap: String? { disks.first { $0.role == .swap }?.path }
}

/// The OS definition that is called, and what it is to make.
package struct RequestedOS: Equatable, Sendable {
  /// Its directory, where its own configuration is.
  package var definition: String
  /// As the host calls it, without the variant.
  package var name: String
  package var variant: String?
  /// By the names of the configuration's keys. Some are secret: none is to be shown.
  package var parameters: [String: String] = [:]
  /// How much the host wants to be told; 0 is as usual.
  package var debugLevel = 0

  package init(definition: String, name: String, variant: String? = nil) {
    self.definition = definition
    self.name = name
    self.variant = variant
  }
}

/// A disk of the instance and what the guest is to do with it.
package struct RequestedDisk: Equatable, Sendable {
  package enum Role: Equatable, Sendable {
    case root, swap
    /// A filesystem of its own, mounted there in the guest.
    case data(mountPoint: String)
    /// It stays as it is.
    case untouched
  }

  package enum Access: String, Sendable {
    case readWrite = "rw"
    case readOnly = "ro"
  }

  /// What the host has the disk on.
  package enum Backend: Equatable, Sendable {
    case block
    /// An image file, given to the guest by this driver.
    case file(driver: String)
  }

  /// Its place among the disks of the instance, from 0.
  package var index: Int
  /// Nil where the host has it only under a URI.
  package var path: String?
  package var uri: String?
  package var access = Access.readWrite
  package var backend: Backend?
  /// In bytes, as the host sees it.
  package var size: UInt64?
  /// What the host says that it is for; nil where the configuration tells.
  package var role: Role?

  package init(index: Int, path: String?, role: Role? = nil) {
    self.index = index
    self.path = path
    self.role = role
  }
}

/// A network interface of the instance, as the host has it.
package struct RequestedNIC: Equatable, Sendable {
  /// The network that the host knows it to be in.
  package struct Network: Equatable, Sendable {
    package var name: String?
    package var uuid: String?
    /// IPv4, with its prefix: `192.0.2.0/24`.
    package var subnet: Subnet?
    package var gateway: String?
    package var subnet6: Subnet?
    package var gateway6: String?

    package init(name: String? = nil, uuid: String? = nil) {
      self.name = name
      self.uuid = uuid
    }
  }

  package struct Subnet: Equatable, Sendable {
    package var address: String
    package var prefix: Int
  }

  package var index: Int
  package var mac: String?
  /// IPv4 or IPv6.
  package var ip: String?
  /// Such as `bridged`, `routed` or `openvswitch`.
  package var mode: String?
  /// The bridge or the like that it is connected to.
  package var link: String?
  package var network: Network?

  package init(index: Int) {
    self.index = index
  }
}
