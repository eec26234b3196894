// SPDX-License-Identifier: Apache-2.0
internal import Report

/// The files of a guest, which labels them when it boots, where it has SELinux and any comes to be there that had not been. That is
/// asked for before the first: whatever ends the program, none is left without a label.
final class WatchedFiles<Files: GuestFiles>: GuestFiles {
  private let files: Files
  private var hasNew = false

  init(_ files: Files) { self.files = files }

  func read(_ path: ByteString, limit: Int) throws(Failure) -> [UInt8]? { try files.read(path, limit: limit) }

  func write(_ path: ByteString, _ bytes: [UInt8], mode: UInt16) throws(Failure) {
    if !hasNew {
      switch try files.kind(path) {
      case .file: break
      // Where it leads to something, that is written.
      case .symbolicLink: if try files.readLeniently(path) == nil { try awaitNew() }
      default: try awaitNew()
      }
    }
    try files.write(path, bytes, mode: mode)
  }

  private func awaitNew() throws(Failure) {
    guard !hasNew else { return }
    hasNew = true
    try SELinux.relabel(files)
  }

  func remove(_ path: ByteString) throws(Failure) { try files.remove(path) }

  func list(_ directory: ByteString) throws(Failure) -> [ByteString] { try files.list(directory) }

  /// A link that is replaced is a new one.
  func link(_ path: ByteString, to target: ByteString) throws(Failure) {
    try awaitNew()
    try files.link(path, to: target)
  }

  func makeDirectory(_ path: ByteString) throws(Failure) {
    if try files.kind(path) == nil { try awaitNew() }
    try files.makeDirectory(path)
  }

  func kind(_ path: ByteString) throws(Failure) -> FileKind? { try files.kind(path) }

  func kind(following path: ByteString) throws(Failure) -> FileKind? { try files.kind(following: path) }

  func setOwnerAndMode(_ path: ByteString, uid: UInt32, gid: UInt32, mode: UInt16) throws(Failure) {
    try files.setOwnerAndMode(path, uid: uid, gid: gid, mode: mode)
  }
}
