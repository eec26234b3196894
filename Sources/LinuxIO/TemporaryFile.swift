// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

extension Descriptor {
  /// A new file in the folder for temporary ones (`TMPDIR`, else /var/tmp), without a name: it goes when it is closed.
  ///
  /// - Parameter name: what it is to the reader of a message.
  package init(temporary name: String) throws(Failure) {
    var template = Array("\(temporaryFolder)/guestsmith-XXXXXX".utf8CString)
    let raw = mkstemp(&template)
    guard raw >= 0 else { throw .system("make a file in", temporaryFolder) }
    unlink(template)
    _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
    self.init(owning: raw, name: name)
  }
}

extension Descriptor {
  /// What is free for everybody in the filesystem that it is in.
  package borrowing func freeBytes() throws(Failure) -> UInt64 {
    var status = statvfs()
    guard fstatvfs(raw, &status) == 0 else { throw .system("examine", name) }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }
}

/// Where temporary files of any size are made.
package var temporaryFolder: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp" }
