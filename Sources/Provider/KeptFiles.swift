// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Glibc
internal import Guest
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
    var path: ByteString
    var content: Content
    var attributes: Filesystem.Attributes
  }

  private static let byteLimit: UInt64 = 128 << 20
  private static let countLimit = 10_000
  private static let depthLimit = 32

  private var entries: [Entry] = []
  private var bytes: UInt64 = 0

  var isEmpty: Bool { entries.isEmpty }

  /// `4 files, 3.1 KiB`
  var summary: String {
    let files = entries.count { if case .file = $0.content { true } else { false } }
    return "\(files) \(files == 1 ? "file" : "files"), \(Words.bytes(bytes))"
  }

  /// - Parameter patterns: absolute paths, with `*` and `?` in their last part only.
  init(matching patterns: [String], in filesystem: borrowing Filesystem) throws(Failure) {
    for pattern in patterns.map({ ByteString(argument: $0) }) {
      guard let slash = pattern.bytes.lastIndex(of: UInt8(ascii: "/")) else { continue }
      let name = ByteString(pattern.bytes[(slash + 1)...])
      guard name.contains("*") || name.contains("?") else {
        try keep(pattern, in: filesystem, depth: 0)
        continue
      }
      let folder = ByteString(pattern.bytes[..<slash])
      // In the locale C, in which a character is a byte.
      for found in try filesystem.list(folder.isEmpty ? "/" : folder)
      where fnmatch(name.cString, found.cString, FNM_PERIOD) == 0 {
        try keep("\(folder)/\(found)", in: filesystem, depth: 0)
      }
    }
  }

  private mutating func keep(_ path: ByteString, in filesystem: borrowing Filesystem, depth: Int) throws(Failure) {
    // Inside of a kept directory a link is nobody's file: it may lead back to where it is.
    guard let number = try filesystem.find(path, followingLast: depth == 0) else { return }
    let kind = try filesystem.kind(number)
    guard kind == .file || kind == .directory else { return }
    let attributes = try filesystem.attributes(number)
    var entry = Entry(path: path, content: .directory, attributes: attributes)
    let size = kind == .file ? attributes.size : 0
    guard depth < Self.depthLimit, entries.count < Self.countLimit, size <= Self.byteLimit - bytes else {
      throw Failure(
        .invalid,
        "\(path.quoted) in the guest is more than can be kept: \(Words.bytes(UInt64(Self.byteLimit))) in "
          + "\(Self.countLimit) files, \(Self.depthLimit) folders deep",
        remedy: "take it out of reinstall_keep and save it in another way; the disk was not changed")
    }
    if kind == .file {
      let content = try filesystem.read(path, limit: Int(Self.byteLimit)) ?? []
      bytes += UInt64(content.count)
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
        try guest.write(entry.path, bytes, mode: entry.attributes.mode)
      }
      let attributes = entry.attributes
      try guest.setOwnerAndMode(entry.path, uid: attributes.uid, gid: attributes.gid, mode: attributes.mode)
    }
  }
}

extension Provider {
  /// What the configuration keeps of the guest that is on the disk. Where none can be read nothing is kept, which is said
  /// and no reason not to install another.
  ///
  /// - Throws: `.invalid` for more than can be kept.
  func keptFiles(on disk: Disk) throws -> KeptFiles? {
    guard !configuration.reinstallKeep.isEmpty else { return nil }
    do {
      return try steps.step("read what is kept of the guest") { progress in
        // The guest may not have been shut down. Whatever the outcome: the disk gets a new filesystem in a moment.
        let path = disk.path
        _ = try? disk.withoutClaim { () throws(Failure) in try Command.e2fsck("-fy", path).capture(limit: 16 << 10) }
        let device = FilesystemDevice(descriptor: disk.descriptor.raw, name: path)
        let kept = try KeptFiles(
          matching: configuration.reinstallKeep, in: Filesystem(opening: device, writable: false))
        progress.detail(kept.summary)
        return kept.isEmpty ? nil : kept
      }
    } catch let error as Failure where error.code != .invalid {
      steps.note("nothing is kept of the guest that was on \(disk.path): \(error.message)")
      return nil
    }
  }
}
