// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

/// Changes of what this process, in a mount namespace of its own, sees of the filesystems. For root only.
package enum Mounting {
  /// Shows the folder `lower` at `target`; what is changed there goes to `upper`, with the help of the empty `work`.
  package static func overlay(_ lower: String, upper: String, work: String, at target: String) throws(Failure) {
    try check(clinux_mount_overlay(lower, upper, work, target), "mount an overlay of \(lower) at", target)
  }

  package static func bind(_ source: String, at target: String, readOnly: Bool = false) throws(Failure) {
    try check(clinux_mount_bind(source, target, readOnly), "show \(source) at", target)
  }

  /// Mounts a new filesystem of the kernel, such as `proc`.
  package static func new(
    _ type: String, at target: String, readOnly: Bool = false, options: String? = nil
  ) throws(Failure) {
    try check(clinux_mount_new(type, target, readOnly, options), "mount \(type) at", target)
  }

  package static func unmount(_ target: String) throws(Failure) {
    try check(clinux_unmount(target), "unmount", target)
  }

  /// Makes a mounted folder the root of this process, with nothing left of the old one but what is open.
  package static func enterRoot(_ folder: String) throws(Failure) {
    try check(clinux_enter_root(folder), "make the root of", folder)
  }

  private static func check(_ error: Int32, _ operation: String, _ subject: String) throws(Failure) {
    if error != 0 { throw .system(operation, subject, errno: error) }
  }
}

/// A loop device on an image file, which goes when its owner and all others that have it open are gone.
package final class LoopDevice {
  /// `/dev/loop3`.
  package let path: String
  private let device: Descriptor

  package init(on image: String, readOnly: Bool = false) throws(Failure) {
    let file = try Descriptor(image, readOnly ? O_RDONLY : O_RDWR)
    var number: Int32 = -1
    var raw: Int32 = -1
    let error = clinux_attach_loop(file.raw, image, readOnly, &number, &raw)
    if error != 0 { throw .system("attach a loop device to", image, errno: error) }
    path = "/dev/loop\(number)"
    device = Descriptor(owning: raw, name: path)
  }

  /// Has all that was written to the device reach the file.
  package func flush() throws(Failure) { try device.flush() }

  /// Detaches the file of a loop device, whoever attached it.
  package static func detach(_ path: String) throws(Failure) {
    let device = try Descriptor(path, O_RDONLY)
    let error = clinux_detach_loop(device.raw)
    if error != 0 { throw .system("detach", path, errno: error) }
  }
}
