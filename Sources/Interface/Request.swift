// SPDX-License-Identifier: Apache-2.0

/// One call of a script: all that a host says in it.
package enum Call: Equatable, Sendable {
  case request(Request)
  /// Checks the parameters and the variant.
  case verify(RequestedOS)

  package var script: Script {
    switch self {
    case .request(let request): request.script
    case .verify: .verify
    }
  }
}

/// What a host asks for, in whichever version of the interface it asked: nothing behind this value knows the version.
package struct Request: Equatable, Sendable {
  package enum Purpose: Equatable, Sendable {
    /// - isReinstall: whether the instance was there before.
    case create(isReinstall: Bool)
    case `import`
    /// - sizeDescriptor: the descriptor for the expected number of bytes of the dump, where the host wants it.
    case export(sizeDescriptor: Int32?)
    /// The instance has its new name already.
    case rename(from: InstanceName)
  }

  package var purpose: Purpose
  /// The instance's name; after a rename, the new one.
  package var instance: InstanceName
  /// All disks that the host tells of, in the order in which the guest sees them.
  package var instanceDisks: [RequestedDisk]
  /// The one that is exported or imported, where a host does that disk by disk.
  package var transferred: RequestedDisk?
  /// In the order in which the guest sees them.
  package var nics: [RequestedNIC] = []
  package var os: RequestedOS
  /// The instance's UUID, where the host has one.
  package var uuid: String?
  /// When the instance was made and changed last, in seconds since 1970, as the host writes it.
  package var created: String?
  package var modified: String?
  package var primaryNode: String?
  package var secondaryNodes: [String] = []
  /// Such as `kvm`, `xen-pvm` or `fake`.
  package var hypervisor: String?
  /// By their names in Ganeti: `memory`, `vcpus`, …
  package var backend: [String: String] = [:]
  /// By their names in Ganeti: `kernel_path`, `disk_type`, …
  package var hypervisorParameters: [String: String] = [:]

  package init(_ purpose: Purpose, _ instance: InstanceName, disks: [RequestedDisk], os: RequestedOS) {
    self.purpose = purpose
    self.instance = instance
    instanceDisks = disks
    self.os = os
  }

  package var script: Script {
    switch purpose {
    case .create: .create
    case .import: .import
    case .export: .export
    case .rename: .rename
    }
  }

  /// The disks that the call is about.
  package var disks: [RequestedDisk] { transferred.map { [$0] } ?? instanceDisks }
  /// The directory of the OS definition.
  package var definition: String { os.definition }
  package var variant: String? { os.variant }
  package var root: String? { disks.first { $0.role == .root }?.path }
  package var swap: String? { disks.first { $0.role == .swap }?.path }

  /// Whether the host starts the guest with a kernel that it has, so that the disk needs no boot loader: what a host that
  /// names no hypervisor (version 5) always does. By Ganeti's parameters of KVM and Xen the machine's firmware boots the disk
  /// without `kernel_path`, as Xen's `use_bootloader` reads it. What shares the node's kernel boots nothing.
  package var hostHasKernel: Bool {
    if ["lxc", "chroot"].contains(hypervisor) { return true }
    if hypervisorParameters["use_bootloader"] == "True" { return false }
    // Ganeti writes a parameter that is not set as Python does.
    if let path = hypervisorParameters["kernel_path"] { return !path.isEmpty && path != "None" }
    return hypervisor == nil || hypervisor == "xen-pvm"
  }

  /// Whether a disk is the host's own, with the variables of the guest's firmware: the last one, where Ganeti's parameter
  /// `boot_type` is `uefi` (pull request 1955).
  package func isForFirmware(_ disk: RequestedDisk) -> Bool {
    hypervisorParameters["boot_type"] == "uefi" && disk.index > 0 && disk.index == instanceDisks.last?.index
  }

  package var isReinstall: Bool { purpose == .create(isReinstall: true) }
  /// What the instance was called before a rename.
  package var oldName: InstanceName? { if case .rename(let old) = purpose { old } else { nil } }
  package var sizeDescriptor: Int32? { if case .export(let descriptor) = purpose { descriptor } else { nil } }
}

/// The OS definition that is called, and the guest that it makes.
package struct RequestedOS: Equatable, Sendable {
  /// Its directory, where its own configuration is.
  package var definition: String
  /// As the host calls it, without the variant.
  package var name: String
  package var variant: String?
  /// By the names of the configuration's keys. Some are secret: never show any.
  package var parameters: [String: String] = [:]
  /// The debug level that the host asks for; 0 is the usual one.
  package var debugLevel = 0

  package init(definition: String, name: String, variant: String? = nil) {
    self.definition = definition
    self.name = name
    self.variant = variant
  }

  /// `NAME` or `NAME+VARIANT`.
  package var fullName: String { OSName(name: name, variant: variant).text }
}
