// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The files of a guest, and whether any came to be there that had not been: in a guest with SELinux it lacks a label.
final class WatchedFiles<Files: GuestFiles>: GuestFiles {
  private let files: Files
  private(set) var hasNew = false

  init(_ files: Files) { self.files = files }

  func read(_ path: ByteString, limit: Int) throws(Failure) -> [UInt8]? { try files.read(path, limit: limit) }

  func write(_ path: ByteString, _ bytes: [UInt8], mode: UInt16) throws(Failure) {
    if !hasNew {
      switch try files.kind(path) {
      case .file: break
      // Where it leads to something, that is written.
      case .symbolicLink: hasNew = try files.readLeniently(path) == nil
      default: hasNew = true
      }
    }
    try files.write(path, bytes, mode: mode)
  }

  func remove(_ path: ByteString) throws(Failure) { try files.remove(path) }

  func list(_ directory: ByteString) throws(Failure) -> [ByteString] { try files.list(directory) }

  /// A link that is replaced is a new one.
  func link(_ path: ByteString, to target: ByteString) throws(Failure) {
    hasNew = true
    try files.link(path, to: target)
  }

  func makeDirectory(_ path: ByteString) throws(Failure) {
    if !hasNew { hasNew = try files.kind(path) == nil }
    try files.makeDirectory(path)
  }

  func kind(_ path: ByteString) throws(Failure) -> FileKind? { try files.kind(path) }

  func setOwnerAndMode(_ path: ByteString, uid: UInt32, gid: UInt32, mode: UInt16) throws(Failure) {
    try files.setOwnerAndMode(path, uid: uid, gid: gid, mode: mode)
  }
}
