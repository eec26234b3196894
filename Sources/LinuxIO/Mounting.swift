// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import Report

/// Changes of what this process, in a mount namespace of its own, sees of the filesystems. For root only.
package enum Mounting {
  /// Shows the folder `lower` at `target`; what is changed there goes to `upper`, with the help of the empty `work`.
  package static func overlay(_ lower: String, upper: String, work: String, at target: String) throws(Failure) {
    try check(
      clinux_mount_overlay(cString(lower), cString(upper), cString(work), cString(target)),
      "mount an overlay of \(lower) at", target)
  }

  /// Shows a file or folder in another place too. For reading only, it opens no device either.
  ///
  /// - Parameter isRecursive: whether what is mounted below it is shown too.
  package static func bind(
    _ source: String, at target: String, readOnly: Bool = false, isRecursive: Bool = false
  ) throws(Failure) {
    let code = clinux_mount_bind(cString(source), cString(target), readOnly, isRecursive)
    try check(code, "show \(source) at", target)
  }

  /// Mounts a new filesystem of the kernel, such as `proc`.
  package static func new(
    _ type: String, at target: String, readOnly: Bool = false, options: String? = nil
  ) throws(Failure) {
    try check(clinux_mount_new(type, cString(target), readOnly, options), "mount \(type) at", target)
  }

  package static func unmount(_ target: String) throws(Failure) {
    try check(clinux_unmount(cString(target)), "unmount", target)
  }

  /// Makes a mounted folder the root of this process, with nothing left of the old one but what is open.
  package static func enterRoot(_ folder: String) throws(Failure) {
    try check(clinux_enter_root(cString(folder)), "make the root of", folder)
  }

  private static func cString(_ path: String) -> [CChar] { ByteString(argument: path).cString }

  private static func check(_ error: Int32, _ operation: String, _ subject: String) throws(Failure) {
    if error != 0 { throw .system(operation, subject, errno: error) }
  }
}

/// A loop device on an image file, which goes when its owner and all others that have it open are gone.
package final class LoopDevice: Sendable {
  /// `/dev/loop3`.
  package let path: String
  private let device: Descriptor

  /// - Parameter sectorSize: the logical sector in bytes: 512 to 4096.
  package init(on image: String, readOnly: Bool = false, sectorSize: UInt32 = 512) throws(Failure) {
    let file = try Descriptor(image, readOnly ? O_RDONLY : O_RDWR)
    var number: Int32 = -1
    var raw: Int32 = -1
    let error = clinux_attach_loop(file.raw, image, readOnly, sectorSize, &number, &raw)
    if error != 0 { throw .system("attach a loop device to", image, errno: error) }
    path = "/dev/loop\(number)"
    device = Descriptor(owning: raw, name: path)
  }

  /// A loop device with a file.
  package struct Attached: Hashable {
    package let path: String
    package let file: String
  }

  /// The loop devices whose file lies below a folder.
  package static func all(below folder: String) -> [Attached] { all().filter { $0.file.hasPrefix("\(folder)/") } }

  /// Those of `identities`, which are files that their loop devices may call otherwise: what was attached in a mount
  /// namespace that is gone has a path that leads nowhere.
  static func lost(of identities: Set<FileIdentity>) -> [Attached] {
    all().filter { attached in
      guard examine(attached.file).error != 0, let device = try? Descriptor(attached.path, O_RDONLY),
        let backing = try? device.blockDevice().backing
      else { return false }
      return identities.contains(backing)
    }
  }

  private static func all() -> [Attached] {
    allEntries(of: "/sys/block").names.filter { $0.hasPrefix("loop") }.compactMap { name in
      guard let bytes = try? readFile("/sys/block/\(name)/loop/backing_file", limit: 1 << 16) else { return nil }
      let file = String(argument: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...])
      return Attached(path: "/dev/\(name)", file: file)
    }
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

/// What a file is, whatever it is called.
package struct FileIdentity: Hashable, Sendable {
  package let device: UInt64
  package let inode: UInt64

  package init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}
