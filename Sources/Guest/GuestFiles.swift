// SPDX-License-Identifier: Apache-2.0
package import Report

/// The files of a guest, wherever they are: in an ext4 filesystem that nobody mounts, or in memory.
///
/// Paths are absolute inside the guest, and every symbolic link on the way is resolved inside the guest: no link,
/// absolute or with `..`, leads out of it. Nothing is written behind the back of whoever implements this.
package protocol GuestFiles: AnyObject {
  /// The contents of a file; nil where it is missing. One of more than `limit` bytes, and what is not a file, is a failure of the guest.
  func read(_ path: ByteString, limit: Int) throws(Failure) -> [UInt8]?

  /// Replaces the contents of a file, or makes it with `mode`, owned by root, and the folders above it.
  /// Owner and mode of an existing file stay.
  func write(_ path: ByteString, _ bytes: [UInt8], mode: UInt16) throws(Failure)

  /// Removes a file or a link (never what the link leads to); a missing one is fine.
  func remove(_ path: ByteString) throws(Failure)

  /// The names in a folder, in the order of their bytes, without `.` and `..`; none where the folder is missing.
  func list(_ directory: ByteString) throws(Failure) -> [ByteString]

  /// Makes a symbolic link, or replaces the file or link that is there; makes the folders above it.
  func link(_ path: ByteString, to target: ByteString) throws(Failure)

  /// Makes a folder, with those above it, owned by root; one that is there stays as it is.
  func makeDirectory(_ path: ByteString) throws(Failure)

  /// What is at `path`, without following a link there; nil where there is nothing.
  func kind(_ path: ByteString) throws(Failure) -> FileKind?

  /// What `path` leads to, behind each link there; nil where that is nothing.
  func kind(following path: ByteString) throws(Failure) -> FileKind?

  func setOwnerAndMode(_ path: ByteString, uid: UInt32, gid: UInt32, mode: UInt16) throws(Failure)
}

extension GuestFiles {
  /// The same of a file of up to 1 MiB.
  package func read(_ path: ByteString) throws(Failure) -> [UInt8]? { try read(path, limit: 1 << 20) }

  /// Puts a file of ours there: owned by root, with exactly this mode. A link in its place goes: what it led to is
  /// somebody else's.
  func place(_ path: ByteString, _ text: String, mode: UInt16 = 0o644) throws(Failure) {
    try place(path, Array(text.utf8), mode: mode)
  }

  func place(_ path: ByteString, _ bytes: [UInt8], mode: UInt16 = 0o644) throws(Failure) {
    if try kind(path) == .symbolicLink { try remove(path) }
    try write(path, bytes, mode: mode)
    try setOwnerAndMode(path, uid: 0, gid: 0, mode: mode)
  }

  /// Whether systemd runs the guest: then a unit of ours is seen.
  func hasSystemd() throws(Failure) -> Bool {
    try kind("/lib/systemd/systemd") != nil
  }
}
