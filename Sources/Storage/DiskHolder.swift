// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO

/// A process that uses a disk.
struct DiskHolder: CustomStringConvertible {
  let pid: Int64

  /// Such as `process 4711 (guestsmith)`.
  var description: String { command.isEmpty ? "process \(pid)" : "process \(pid) (\(command))" }

  var isUdev: Bool { command.hasPrefix("systemd-udevd") || command.hasPrefix("(udev-worker") }

  private var command: String {
    kernelText("/proc/\(pid)/comm").filter { !$0.isNewline }
  }

  /// Who has a flock(2) lock on a file, by /proc/locks: `1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF`, the
  /// device in hexadecimal and the inode in decimal (proc(5)). Nil for a process that is not seen from here.
  static func ofLock(on status: stat) -> DiskHolder? {
    let major = (status.st_dev >> 8) & 0xFFF | (status.st_dev >> 32) & ~0xFFF
    let minor = status.st_dev & 0xFF | (status.st_dev >> 12) & ~0xFF
    for line in kernelText("/proc/locks").split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count >= 6, fields[1] == "FLOCK", let pid = Int64(fields[4]), pid > 0 else { continue }
      let place = fields[5].split(separator: ":")
      if place.count == 3, UInt64(place[0], radix: 16) == UInt64(major), UInt64(place[1], radix: 16) == UInt64(minor),
        UInt64(place[2]) == UInt64(status.st_ino)
      {
        return DiskHolder(pid: pid)
      }
    }
    return nil
  }

  /// What the kernel uses a block device for, in words that follow "in use"; empty where it can't be told.
  static func kernelUse(of path: String) -> String {
    let (status, error) = examine(path)
    guard error == 0, let name = realPath(path) else { return "" }
    if let place = Mount.place(of: status.st_rdev) { return ": mounted at \(place)" }
    if kernelText("/proc/swaps").split(separator: "\n").contains(where: { $0.hasPrefix(name + " ") }) {
      return " as swap"
    }
    let holders = visibleEntries(of: "/sys/class/block/\(name.split(separator: "/").last ?? "")/holders").names
    return holders.isEmpty ? "" : " by \(holders.joined(separator: ", "))"
  }

  /// The loop device or the swap that a file is; nil where it is neither.
  static func kernelUse(ofFile status: stat) -> String? {
    for name in visibleEntries(of: "/sys/block").names where name.hasPrefix("loop") {
      let backing = kernelText("/sys/block/\(name)/loop/backing_file").filter { !$0.isNewline }
      if !backing.isEmpty, isFile(backing, status) { return "the loop device /dev/\(name)" }
    }
    for line in kernelText("/proc/swaps").split(separator: "\n").dropFirst() {
      if let file = line.split(separator: " ").first, isFile(String(file), status) { return "swap" }
    }
    return nil
  }

  private static func isFile(_ path: String, _ status: stat) -> Bool {
    let (found, error) = examine(path)
    return error == 0 && found.st_dev == status.st_dev && found.st_ino == status.st_ino
  }
}

/// What the kernel writes as it is read, however much that is; empty where it cannot be read.
private func kernelText(_ path: String) -> String { fileText(path, limit: .max) ?? "" }
