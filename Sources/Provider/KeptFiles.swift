// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Glibc
internal import LinuxIO
internal import Report

/// Files of a guest that outlive its reinstallation: read from the old filesystem, and written into the new one.
///
/// What is in the old filesystem is whatever its administrator made of it: sizes and numbers are limited, and only
/// files and directories are kept, with owners and modes.
struct KeptFiles {
  private enum Content {
    case file([UInt8])
    case directory
  }

  private struct Entry {
    var path: String
    var content: Content
    var uid: UInt32
    var gid: UInt32
    var mode: UInt16
  }

  private static let fileLimit = 16 << 20
  private static let totalLimit = 128 << 20
  private static let countLimit = 10_000
  private static let depthLimit = 32

  private var entries: [Entry] = []
  private var bytes = 0

  var isEmpty: Bool { entries.isEmpty }

  /// `4 files, 3.1 KiB`
  var summary: String {
    let files = entries.count { if case .file = $0.content { true } else { false } }
    return "\(files) \(files == 1 ? "file" : "files"), \(Words.bytes(UInt64(bytes)))"
  }

  /// - Parameter patterns: absolute paths, with `*` and `?` in their last part only.
  init(matching patterns: [String], in filesystem: borrowing Filesystem) throws(Failure) {
    for pattern in patterns {
      guard let slash = pattern.lastIndex(of: "/") else { continue }
      let name = pattern[pattern.index(after: slash)...]
      guard name.contains(where: { "*?".contains($0) }) else {
        try keep(pattern, in: filesystem, depth: 0)
        continue
      }
      let folder = String(pattern[..<slash])
      for found in try filesystem.list(folder.isEmpty ? "/" : folder) where fnmatch(String(name), found, FNM_PERIOD) == 0 {
        try keep("\(folder)/\(found)", in: filesystem, depth: 0)
      }
    }
  }

  private mutating func keep(_ path: String, in filesystem: borrowing Filesystem, depth: Int) throws(Failure) {
    // Inside of a kept directory a link is nobody's file: it may lead back to where it is.
    guard let number = try filesystem.find(path, followingLast: depth == 0) else { return }
    let kind = try filesystem.kind(number)
    guard kind == .file || kind == .directory else { return }
    guard depth < Self.depthLimit, entries.count < Self.countLimit else {
      throw Failure(.guest, "\(path) is too much to keep: at most \(Self.countLimit) files, \(Self.depthLimit) deep")
    }
    let (uid, gid, mode) = try filesystem.owner(number)
    var entry = Entry(path: path, content: .directory, uid: uid, gid: gid, mode: mode)
    if kind == .file {
      let content = try filesystem.read(path, limit: Self.fileLimit) ?? []
      bytes += content.count
      guard bytes <= Self.totalLimit else {
        throw Failure(.guest, "\(path) is too much to keep: at most \(Words.bytes(UInt64(Self.totalLimit))) in all")
      }
      entry.content = .file(content)
    }
    entries.append(entry)
    guard kind == .directory else { return }
    for name in try filesystem.list(path) { try keep("\(path)/\(name)", in: filesystem, depth: depth + 1) }
  }

  /// Puts everything back, in the place of what the new system has there.
  func write(to guest: GuestTree) throws(Failure) {
    for entry in entries {
      switch entry.content {
      case .directory: try guest.makeDirectory(entry.path)
      case .file(let bytes):
        if try guest.kind(entry.path) == .link { try guest.remove(entry.path) }
        try guest.write(entry.path, bytes, mode: entry.mode)
      }
      try guest.setOwnerAndMode(entry.path, uid: entry.uid, gid: entry.gid, mode: entry.mode)
    }
  }
}

extension Provider {
  /// What the configuration keeps of the guest that is on the disk; nothing where there is none that can be read, which
  /// is said and no reason not to install another.
  func keptFiles(on disk: Disk) -> KeptFiles? {
    guard !configuration.reinstallKeep.isEmpty else { return nil }
    do {
      return try steps.step("read what is kept of the guest") { progress in
        try prepareForEditing(disk)
        let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: disk.path)
        let kept = try KeptFiles(
          matching: configuration.reinstallKeep, in: Filesystem(opening: device, writable: false))
        progress.detail(kept.summary)
        return kept.isEmpty ? nil : kept
      }
    } catch {
      steps.note("nothing is kept of the guest that was on \(disk.path): \((error as? Failure)?.message ?? "\(error)")")
      return nil
    }
  }
}
