// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

/// A folder for one piece of work, which goes with all that is in it. It is locked for as long as its owner lives: what a
/// process that was killed has left is told from what is in use.
package final class ScratchFolder: Sendable {
  /// Absolute, without symbolic links in it.
  package let path: String
  private let lock: Descriptor

  /// Makes `PARENTPREFIXxxxxxx`.
  ///
  /// - Parameter prefix: the beginning of its name.
  package init(in parent: String, prefix: String) throws(Failure) {
    guard let real = realPath(parent) else { throw .system("find", parent) }
    while true {
      var template = ByteString(argument: "\(real)/\(prefix)XXXXXX").cString
      guard mkdtemp(&template) != nil else { throw .system("make a folder in", parent) }
      let path = String(argument: template.dropLast().map { UInt8(bitPattern: $0) })
      // Until it is locked, another one may take it for left, and remove it.
      guard let lock = Self.locked(path, waits: true) else { continue }
      self.path = path
      self.lock = lock
      return
    }
  }

  private init(_ path: String, _ lock: consuming Descriptor) {
    self.path = path
    self.lock = lock
  }

  /// Those of this user in `parent` that killed processes have left, locked.
  package static func left(in parent: String, prefix: String) -> [ScratchFolder] {
    guard let real = realPath(parent) else { return [] }
    return allEntries(of: real).names.filter { $0.hasPrefix(prefix) }.compactMap { name in
      let path = "\(real)/\(name)"
      guard let lock = locked(path, waits: false) else { return nil }
      return ScratchFolder(path, lock)
    }
  }

  /// Nil where it is gone, somebody else's, or in use.
  private static func locked(_ path: String, waits: Bool) -> Descriptor? {
    guard let folder = try? Descriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
      let status = try? folder.status(), status.st_uid == geteuid(),
      (try? folder.lock(.exclusive, waits: waits)) == true, (try? folder.isStill(at: path)) == true
    else { return nil }
    return folder
  }

  /// Takes off what is mounted in it, and detaches the loop devices of its files.
  package func detach() {
    for mount in Mount.all().reversed() where mount.place.hasPrefix("\(path)/") {
      try? Mounting.unmount(mount.place)
    }
    var files: Set<FileIdentity> = []
    Self.find(&files, in: path)
    for device in LoopDevice.all(below: path) + LoopDevice.lost(of: files) { try? LoopDevice.detach(device.path) }
  }

  private static func find(_ files: inout Set<FileIdentity>, in folder: String) {
    for name in allEntries(of: folder).names {
      let (status, error) = examine("\(folder)/\(name)", itself: true)
      guard error == 0 else { continue }
      if status.isFolder { find(&files, in: "\(folder)/\(name)") }
      if status.isRegular { files.insert(status.identity) }
    }
  }

  /// Detaches what it holds, and removes it.
  package func remove() {
    detach()
    let (parent, name) = splitPath(path)
    try? Folder(parent).remove(name)
  }
}
