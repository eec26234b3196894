// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

/// The folders that this program keeps things in: those of the state, the logs and the cache.
extension Folder {
  /// Opens such a folder, and makes it with what is missing above it.
  ///
  /// - Throws: `.invalid` where another user could change what is in it, or has put a link to it there.
  package static func own(_ path: String, mode: UInt32) throws(Failure) -> Folder {
    try makeFolders(path, mode: mode)
    let (link, error) = examine(path, itself: true)
    guard error == 0 else { throw .system("examine", path, errno: error) }
    guard !link.isLink || Self.isOurs(link) else {
      throw Failure(
        .invalid, "\(path) is a link of user \(link.st_uid), who could lead it elsewhere",
        remedy: "name a folder of your own")
    }
    let folder = try Folder(path)
    try folder.refuseOthers()
    return folder
  }

  /// The same of a folder in this one. It gets exactly that mode where it has another: what others can't open, they can't lock.
  package borrowing func own(_ name: String, mode: UInt32) throws(Failure) -> Folder {
    try make(name, mode: mode)
    let folder = try Folder(name, in: self)
    try folder.refuseOthers()
    let status = try folder.descriptor.status()
    if status.st_uid == geteuid(), status.st_mode & 0o7777 != mode { try folder.descriptor.setMode(mode) }
    return folder
  }

  private borrowing func refuseOthers() throws(Failure) {
    let status = try descriptor.status()
    guard Self.isOurs(status) else {
      throw Failure(
        .invalid, "\(path) belongs to user \(status.st_uid), who could change what is in it",
        remedy: "name a folder of your own")
    }
    guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
      throw Failure(
        .invalid,
        "\(path) has mode 0\(String(status.st_mode & 0o7777, radix: 8)): others could change what is in it",
        remedy: status.st_mode & S_ISVTX != 0 ? "name a folder of its own" : "run chmod go-w \(path)")
    }
  }

  private static func isOurs(_ status: stat) -> Bool { status.st_uid == geteuid() || status.st_uid == 0 }
}
