// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// A folder for one build. It is locked by its owner; one that is not locked was left by a process that was killed, and
/// is removed by the next that comes by.
struct Scratch: ~Copyable {
  let folder: Folder
  let name: String
  private let parent: Folder
  private let token: Interrupts.Token

  private init(name: String, folder: consuming Folder, parent: consuming Folder) {
    self.name = name
    self.folder = folder
    let path = parent.path
    self.parent = parent
    token = Interrupts.onInterrupt { try? Folder(path).remove(name) }
  }

  /// - Parameters:
  ///   - path: the folder to make it in.
  ///   - mode: 0711 lets apt fetch as a user without rights, 0700 hides what is in it.
  static func make(in path: String, mode: mode_t) throws(Failure) -> Scratch {
    // Whoever clears up must not come between the making and the locking.
    let gate = try Folder(path)
    _ = try gate.descriptor.lock(.shared, waits: true)
    let parent = try Folder(path)
    var name: String
    repeat {
      name = "\(getpid())-\(UInt32.random(in: .min ... .max))"
    } while try !parent.make(name, mode: mode)
    let folder = try Folder(name, in: parent)
    _ = try folder.descriptor.lock(.exclusive, waits: true)
    try gate.close()
    return Scratch(name: name, folder: folder, parent: parent)
  }

  var path: String { folder.path }

  /// Removes it with all that is in it. What cannot be removed now is left to the next build.
  consuming func remove() {
    try? Self.remove(name, from: parent)
    token.cancel()
  }

  /// Removes what builds that were killed have left in `path`, unless another does so or begins a build just now.
  static func sweep(_ path: String) throws(Failure) {
    let gate = try Folder(path)
    guard try gate.descriptor.lock(.exclusive, waits: false) else { return }
    let parent = try Folder(path)
    for name in try parent.names() {
      guard let folder = try? Folder(name, in: parent) else {
        try? parent.remove(name)
        continue
      }
      guard try folder.descriptor.lock(.exclusive, waits: false) else { continue }
      try? remove(name, from: parent)
    }
    try gate.close()
  }

  private static func remove(_ name: String, from parent: borrowing Folder) throws(Failure) {
    do {
      try parent.remove(name)
    } catch {
      guard geteuid() != 0 else { throw error }
      // A system that was made without root belongs to the users of a namespace, whose root alone may remove it.
      var command = Command(
        "unshare",
        [
          "--user", "--map-root-user", "--map-auto", "--", "rm", "-rf", "--one-file-system", "--",
          "\(parent.path)/\(name)",
        ])
      command.output = .null
      command.error = .null
      _ = try command.run()
      try parent.remove(name)
    }
  }
}

/// Opens a folder by its path below another, and makes what is missing of it, for everybody to read whatever the umask.
func makeFolder(_ path: String, below parent: String) throws(Failure) -> Folder {
  var folder = try Folder(parent)
  for part in path.split(separator: "/") {
    try folder.make(String(part))
    folder = try Folder(String(part), in: folder)
  }
  return folder
}
