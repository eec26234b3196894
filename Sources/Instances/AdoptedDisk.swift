// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import LinuxIO
internal import Report
internal import Storage

// Disks that were there before their instance: block devices, or files elsewhere.

/// What a disk that is adopted is locked by, whatever path leads to it; nil where there is none.
func adoptionKey(_ path: String) -> String? {
  let (status, error) = examine(path)
  guard error == 0 else { return nil }
  return status.isBlockDevice ? ".disk-\(status.st_rdev)" : ".disk-\(status.st_dev)-\(status.st_ino)"
}

extension State {
  /// Finds a disk fit to be adopted, and its size.
  ///
  /// - Parameter overwrites: whether what is on it may be lost, or is to stay.
  func examineAdopted(_ path: String, overwrites: Bool) throws(Failure) -> UInt64 {
    let (status, error) = examine(path)
    guard error == 0 else {
      throw Failure(.device, "cannot use the disk \(path): \(String(cString: strerror(error)))")
    }
    guard status.isRegular || status.isBlockDevice else {
      throw Failure(.device, "\(path) is \(status.isFolder ? "a directory" : "no disk"), not a file or a block device")
    }
    for other in try list() {
      for disk in other.instance?.disks ?? [] where Disk.areSame(disk.path, path) {
        throw Failure(.device, "\(path) is a disk of \(other.name)", remedy: "give each instance disks of its own")
      }
    }
    let file: Descriptor
    do {
      file = try Descriptor(path, O_RDWR)
    } catch {
      throw Failure(error.code == .busy ? .busy : .device, error.message)
    }
    let length = try file.length()
    guard length > 0 else { throw Failure(.device, "the disk \(path) has no size") }
    if !overwrites, try holdsData(file, length: length, isDevice: status.isBlockDevice) {
      throw Failure(
        .device, "the disk \(path) is not empty",
        remedy: "add --force to overwrite it and lose what is on it, or --no-install to keep that")
    }
    return length
  }
}

/// How much was ever written to a disk, as far as can be told: it changes when somebody writes.
struct DiskMark: Equatable {
  private var numbers: [Int64] = []

  /// Of a file: its size and its times. Of a device: the kernel's count of sectors written.
  init(_ path: String) throws(Failure) {
    let file = try Descriptor(path, O_RDONLY | O_NONBLOCK)
    let status = try file.status()
    guard status.isBlockDevice else {
      let (content, inode) = (status.st_mtim, status.st_ctim)
      numbers = [Int64(status.st_size), Int64(bitPattern: UInt64(status.st_ino))]
      numbers += [content.tv_sec, content.tv_nsec, inode.tv_sec, inode.tv_nsec].map { Int64($0) }
      return
    }
    try file.flush()
    let major = (status.st_rdev >> 8) & 0xFFF | (status.st_rdev >> 32) & ~0xFFF
    let minor = status.st_rdev & 0xFF | (status.st_rdev >> 12) & ~0xFF
    let text = try readFile("/sys/dev/block/\(major):\(minor)/stat", limit: 4096)
    let fields = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    // The seventh: see Documentation/block/stat.rst of Linux.
    if fields.count > 6, let sectors = Int64(fields[6]) { numbers = [sectors] }
  }
}

/// Whether there is anything but zeros. In a file all that is not a hole is read; of a device, where that could take
/// hours, the first and the last MiB: every partition table, filesystem and volume manager has its marks there.
private func holdsData(_ file: borrowing Descriptor, length: UInt64, isDevice: Bool) throws(Failure) -> Bool {
  let piece: UInt64 = 1 << 20
  var offset: UInt64 = 0
  while offset < length {
    if !isDevice {
      guard let data = file.view.nextData(from: offset) else { return false }
      offset = data
    }
    if try file.bytes(at: offset, count: Int(piece)).contains(where: { $0 != 0 }) { return true }
    offset += piece
    if isDevice && offset + piece < length { offset = length - piece }
  }
  return false
}
