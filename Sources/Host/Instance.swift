// SPDX-License-Identifier: Apache-2.0
package import Interface

/// What a host knows of an instance, and passes to its OS definition.
package struct Instance: Sendable, Equatable {
  package var name: InstanceName
  /// The OS definition, without a variant.
  package var os: String
  package var variant: String?
  package var uuid: String
  /// Seconds since 1970.
  package var created: Int
  package var modified: Int
  /// By their names in `parameters.list`.
  package var parameters: [String: Parameter] = [:]
  package var disks: [Disk] = []
  package var nics: [NIC] = []
  /// As `-B` of gnt-instance has them: memory, vcpus, …
  package var backend: [String: String] = [:]
  package var hypervisor = "kvm"
  /// As `-H` of gnt-instance has them: kernel_path, serial_console, …
  package var hypervisorParameters: [String: String] = [:]

  package struct Parameter: Sendable, Equatable {
    package enum Visibility: String, Sendable {
      /// Told to everyone.
      case `public`
      /// Kept, but never shown.
      case `private`
      /// For one call, and not kept.
      case secret
    }

    package var value: String
    package var visibility: Visibility

    package init(_ value: String, _ visibility: Visibility = .public) {
      self.value = value
      self.visibility = visibility
    }
  }

  package struct Disk: Sendable, Equatable {
    /// Absolute: a block device or an image file.
    package var path: String
    /// In bytes.
    package var size: UInt64
    package var uuid: String
    package var access = RequestedDisk.Access.readWrite
    /// What the administrator calls it.
    package var name: String?

    package init(path: String, size: UInt64, uuid: String) {
      self.path = path
      self.size = size
      self.uuid = uuid
    }
  }

  package struct NIC: Sendable, Equatable {
    package var mac: String
    package var uuid: String
    package var ip: String?
    package var mode = "bridged"
    package var link: String?
    package var name: String?
    package var network: RequestedNIC.Network?

    package init(mac: String, uuid: String) {
      self.mac = mac
      self.uuid = uuid
    }
  }

  package init(name: InstanceName, os: String, variant: String? = nil, uuid: String, created: Int) {
    self.name = name
    self.os = os
    self.variant = variant
    self.uuid = uuid
    self.created = created
    modified = created
  }

  /// As an instance asks for its OS: `NAME` or `NAME+VARIANT`.
  package var osName: String { OSName(name: os, variant: variant).text }
}
