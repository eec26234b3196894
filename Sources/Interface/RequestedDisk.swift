// SPDX-License-Identifier: Apache-2.0

/// A disk of the instance and what the guest is to do with it.
package struct RequestedDisk: Equatable, Sendable {
  package enum Role: Equatable, Sendable {
    case root, swap
    /// A filesystem of its own, mounted there in the guest.
    case data(mountPoint: String)
    /// What the guest's cloud-init is told is on it.
    case seed
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
  package var uuid: String?
  /// What the administrator calls it.
  package var name: String?
  /// The kind of device that the guest sees, such as `paravirtual`.
  package var frontend: String?
  /// What the host says that it is for; nil where the configuration tells.
  package var role: Role?

  package init(index: Int, path: String?, role: Role? = nil) {
    self.index = index
    self.path = path
    self.role = role
  }
}
