// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

extension Folder {
  /// How often a folder is emptied again because somebody put something into it meanwhile: the last breath of a process
  /// that is being killed.
  private static let attempts = 50

  /// Removes `name` and all that is in it, and nothing else: symbolic links are removed, not followed, and what is
  /// mounted inside stays, with a failure.
  package borrowing func remove(_ name: String) throws(Failure) {
    try remove(Array(name.utf8) + [0])
  }

  private borrowing func remove(_ name: [UInt8]) throws(Failure) {
    if unlink(name, 0) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw .system("remove", words(name)) }
    for attempt in 1...Self.attempts {
      try empty(name)
      if unlink(name, AT_REMOVEDIR) == 0 || errno == ENOENT { return }
      guard errno == ENOTEMPTY, attempt < Self.attempts else { break }
      usleep(20000)
    }
    throw .system("remove", words(name))
  }

  private borrowing func empty(_ name: [UInt8]) throws(Failure) {
    let parent = descriptor.raw
    let raw = name.withUnsafeBytes { name in
      retrying {
        openat(
          parent, name.assumingMemoryBound(to: CChar.self).baseAddress!, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW
        )
      }
    }
    guard raw >= 0 else {
      if errno == ENOENT { return }
      throw .system("open", words(name))
    }
    let folder = Folder(owning: Descriptor(owning: raw, name: words(name)))
    guard try folder.descriptor.status().st_dev == descriptor.status().st_dev else {
      throw Failure(.busy, "something is mounted on \(folder.path)", remedy: "unmount \(folder.path)")
    }
    for name in try folder.rawNames() { try folder.remove(name) }
  }

  private borrowing func unlink(_ name: [UInt8], _ flags: Int32) -> Int32 {
    let parent = descriptor.raw
    return name.withUnsafeBytes { unlinkat(parent, $0.assumingMemoryBound(to: CChar.self).baseAddress!, flags) }
  }

  private borrowing func words(_ name: [UInt8]) -> String {
    "\(path)/\(String(decoding: name.dropLast(), as: UTF8.self))"
  }
}
