// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
package import Report

/// What would end a bootstrap after the download, found before it.
extension Bootstrap {
  func requirePrograms() throws(Failure) {
    for (program, package) in [("mmdebstrap", "mmdebstrap"), ("unshare", "util-linux")] {
      let isFound = searchPath.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
      guard isFound else {
        throw Failure(
          .tool, "\(program), which bootstraps guests, is not installed",
          remedy: "run apt-get install \(package)")
      }
    }
  }

  /// Whether programs can be run from the scratch folder, in namespaces of their own.
  func requireGround(isRoot: Bool) throws(Failure) {
    var status = statvfs()
    guard statvfs(scratch, &status) == 0 else { throw .system("examine", scratch) }
    // Devices do not matter: mmdebstrap shows the tree those of this machine where the filesystem has none.
    guard status.f_flag & Self.noexec == 0 else {
      throw Failure(
        .invalid, "the cache is on a filesystem that is mounted noexec: the guest's programs cannot run in \(scratch)",
        remedy: "name a folder on another filesystem with cache in the configuration, or mount that one with exec")
    }
    var trial = Command("unshare", namespaces(isRoot: isRoot) + ["true"])
    trial.environment = ["PATH": searchPath, "LC_ALL": "C.UTF-8"]
    let (end, output) = try trial.capture(limit: 4096)
    guard !end.isSuccess else { return }
    let words = String(decoding: output, as: UTF8.self).split(separator: "\n").joined(separator: "; ").escaped
    throw Failure(
      .tool, "the bootstrap cannot have mounts and processes of its own: \(words)",
      remedy: isRoot ? Self.remedyForRoot(words) : Self.remedyForUser(words))
  }

  /// statvfs(3)'s ST_NOEXEC, which glibc shows to GNU's own sources only.
  private static let noexec: UInt = 8

  private static func remedyForRoot(_ words: String) -> String {
    // unshare(1) cannot make the mounts below "/" its own where "/" is not one of them.
    guard !words.contains("root filesystem propagation") else {
      return "this is a plain chroot, whose \"/\" is not a mount point: outside of it bind the folder to itself (mount"
        + " --bind FOLDER FOLDER) and enter it anew, or use a container"
    }
    return "run it where root has CAP_SYS_ADMIN (a container needs --privileged), or build the image on another machine"
      + " and copy its cache here"
  }

  private static func remedyForUser(_ words: String) -> String {
    guard ["subuid", "subgid", "newuidmap", "newgidmap", "uid_map"].contains(where: words.contains) else {
      return "allow this user to make namespaces, or run as root"
    }
    let user = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "NAME"
    return "install uidmap, and as root run usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(user)"
  }
}

/// Refuses a folder of the cache whose filesystem has less than `needed` bytes free.
///
/// - Parameter work: what takes them, in the words of a message.
package func requireRoom(_ needed: UInt64, in folder: String, for work: String) throws(Failure) {
  var status = statvfs()
  guard statvfs(folder, &status) == 0 else { throw .system("examine", folder) }
  try requireRoom(needed, of: UInt64(status.f_bavail) * UInt64(status.f_frsize), in: folder, for: work)
}

/// - Parameter free: bytes in the folder.
package func requireRoom(_ needed: UInt64, of free: UInt64, in folder: String, for work: String) throws(Failure) {
  guard free >= needed else {
    throw Failure(
      .space, "the cache has \(Words.bytes(free)) free, and \(work) takes \(Words.bytes(needed)): \(folder)",
      remedy: "make room, run guestsmith image prune, or name another folder with cache in the configuration")
  }
}
