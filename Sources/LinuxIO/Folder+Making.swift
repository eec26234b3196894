// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

// What is made under names that are bytes, such as those of a guest's files. No link is followed, and nothing that is there
// is replaced. That a name is a single one the caller has made sure of.

extension Folder {
  /// Makes a folder for us alone, and opens it: where others may write to this one, it may be another by then.
  package borrowing func makeFolder(_ name: ByteString) throws(Failure) -> Folder {
    guard mkdirat(descriptor.raw, name.cString, 0o700) == 0 else { throw failure("make the folder", name) }
    return Folder(owning: try open(name, O_RDONLY | O_DIRECTORY))
  }

  /// Makes a file for us alone, to be written.
  package borrowing func makeFile(_ name: ByteString) throws(Failure) -> Descriptor {
    try open(name, O_WRONLY | O_CREAT | O_EXCL)
  }

  package borrowing func makeLink(_ name: ByteString, to target: ByteString) throws(Failure) {
    guard symlinkat(target.cString, descriptor.raw, name.cString) == 0 else { throw failure("make the link", name) }
  }

  /// Makes a device, a pipe or a socket for us alone.
  ///
  /// - Parameter device: its `deviceNumber`; 0 for what is not a device.
  package borrowing func makeSpecial(_ name: ByteString, _ kind: FileKind, device: UInt) throws(Failure) {
    let mode = mode_t(kind.mode) | 0o600
    guard mknodat(descriptor.raw, name.cString, mode, device) == 0 else { throw failure("make", name) }
  }

  /// Makes another name of the file at `path` below `other`.
  package borrowing func makeName(
    _ name: ByteString, of path: ByteString, below other: DescriptorView
  ) throws(Failure) {
    guard linkat(other.raw, path.cString, descriptor.raw, name.cString, 0) == 0 else { throw failure("make", name) }
  }

  /// Takes a name away, which is not that of a folder.
  package borrowing func removeName(_ name: ByteString) throws(Failure) {
    guard unlinkat(descriptor.raw, name.cString, 0) == 0 else { throw failure("remove", name) }
  }

  /// What has that name; nil where it cannot be told.
  package borrowing func identity(of name: ByteString) -> FileIdentity? {
    var status = stat()
    guard fstatat(descriptor.raw, name.cString, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    return status.identity
  }

  private borrowing func open(_ name: ByteString, _ flags: Int32) throws(Failure) -> Descriptor {
    let raw = retrying { openat(descriptor.raw, name.cString, flags | O_CLOEXEC | O_NOFOLLOW, 0o600) }
    guard raw >= 0 else { throw failure("make", name) }
    return Descriptor(owning: raw, name: "\(path)/\(name)")
  }

  private borrowing func failure(_ operation: String, _ name: ByteString) -> Failure {
    .system(operation, "\(path)/\(name)")
  }
}

/// The number that the kernel has for a device, as makedev(3) makes it: the low parts of both numbers together, the high
/// parts above them.
package func deviceNumber(major: UInt32, minor: UInt32) -> UInt {
  let (major, minor) = (UInt(major), UInt(minor))
  return (minor & 0xFF) | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12 | (major & ~0xFFF) << 32
}
