// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

/// A folder for one piece of work, which goes with all that is in it. It is locked for as long as its owner lives: what a
/// process that was killed has left is told from what is in use.
package final class ScratchFolder: Sendable {
  /// Absolute, without symbolic links in it.
  package let path: String
  /// It has the lock.
  package let folder: Folder
  /// An interrupt removes what this process has made; nil for what it has found.
  private let interrupt: Interrupts.Token?

  /// Makes `PARENTPREFIXxxxxxx`.
  ///
  /// - Parameters:
  ///   - prefix: the beginning of its name.
  ///   - mode: 0711 lets programs without our rights reach what they know the name of.
  package init(in parent: String, prefix: String, mode: UInt32 = 0o700) throws(Failure) {
    guard let real = realPath(parent) else { throw .system("find", parent) }
    while true {
      var template = ByteString(argument: "\(real)/\(prefix)XXXXXX").cString
      guard mkdtemp(&template) != nil else { throw .system("make a folder in", parent) }
      let path = String(argument: template.dropLast().map { UInt8(bitPattern: $0) })
      // Until it is locked, another one may take it for left, and remove it.
      guard let folder = Self.locked(path, waits: true) else { continue }
      try folder.descriptor.setMode(mode)
      self.path = path
      self.folder = folder
      interrupt = Interrupts.onInterrupt { try? Self.clear(path) }
      return
    }
  }

  private init(_ path: String, _ folder: consuming Folder) {
    self.path = path
    self.folder = folder
    interrupt = nil
  }

  /// Those of this user in `parent` that killed processes have left, locked.
  package static func left(in parent: String, prefix: String) -> [ScratchFolder] {
    guard let real = realPath(parent) else { return [] }
    return allEntries(of: real).names.filter { $0.hasPrefix(prefix) }.compactMap { name in
      let path = "\(real)/\(name)"
      guard let folder = locked(path, waits: false) else { return nil }
      return ScratchFolder(path, folder)
    }
  }

  /// Removes those.
  package static func removeLeft(in parent: String, prefix: String) {
    for folder in left(in: parent, prefix: prefix) { folder.remove() }
  }

  /// Nil where it is gone, somebody else's, or in use.
  private static func locked(_ path: String, waits: Bool) -> Folder? {
    guard let folder = try? Descriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
      let status = try? folder.status(), status.st_uid == geteuid(),
      (try? folder.lock(.exclusive, waits: waits)) == true, (try? folder.isStill(at: path)) == true
    else { return nil }
    return Folder(owning: folder)
  }

  /// Takes off what is mounted in it, and detaches the loop devices of its files.
  package func detach() { Self.detach(path) }

  private static func detach(_ path: String) {
    for mount in Mount.all().reversed() where mount.place.hasPrefix("\(path)/") {
      try? Mounting.unmount(mount.place)
    }
    var files: Set<FileIdentity> = []
    find(&files, in: path)
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

  /// Detaches what it holds, and removes it. What cannot be removed now is left to whoever finds it.
  package func remove() {
    interrupt?.cancel()
    guard (try? Self.clear(path)) == nil, geteuid() != 0 else { return }
    // A system that was made without root belongs to the users of a namespace, whose root alone may remove it.
    var command = Command(
      "unshare",
      ["--user", "--map-root-user", "--map-auto", "--", "rm", "-rf", "--one-file-system", "--", path])
    command.output = .null
    command.error = .null
    _ = try? command.run()
  }

  private static func clear(_ path: String) throws(Failure) {
    detach(path)
    let (parent, name) = splitPath(path)
    try Folder(parent).remove(name)
  }
}
