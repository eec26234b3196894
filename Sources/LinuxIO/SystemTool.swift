// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

extension Command {
  package static func e2fsck(_ arguments: String...) -> Command { ofSystem("e2fsck", arguments) }

  package static func resize2fs(_ arguments: String...) -> Command {
    var command = ofSystem("resize2fs", arguments)
    // It looks in /sys for whether the kernel clears new inode tables later, which it does since Linux 2.6.37, and does not see
    // that where it is confined: it would write 16 GiB for a disk of 1 TiB.
    command.environment?["RESIZE2FS_FORCE_LAZY_ITABLE_INIT"] = "1"
    return command
  }

  package static func tune2fs(_ arguments: String...) -> Command { ofSystem("tune2fs", arguments) }

  package static func mke2fs(_ arguments: String...) -> Command { ofSystem("mke2fs", arguments) }

  /// A tool of the system, whatever the caller's PATH and language.
  package static func ofSystem(_ name: String, _ arguments: [String]) -> Command {
    var command = Command(name, arguments)
    command.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]
    return command
  }

  /// The end of what a tool said, to be shown in a message.
  package static func lastLines(_ output: [UInt8]) -> String {
    String(decoding: output, as: UTF8.self).split(separator: "\n").suffix(8).map { String($0).escaped }
      .joined(separator: "\n  ")
  }

  /// Runs `body`, which starts the tool; where it is missing, names the package of Debian that has it.
  package static func needing<T: ~Copyable>(_ package: String, _ body: () throws(Failure) -> T) throws(Failure) -> T {
    do {
      return try body()
    } catch {
      guard error.code == .tool, error.errorNumber == ENOENT else { throw error }
      throw Failure(.tool, error.message, remedy: "install the Debian package \(package)")
    }
  }
}
