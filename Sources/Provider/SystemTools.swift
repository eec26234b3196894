// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report

extension Command {
  static func e2fsck(_ arguments: String...) -> Command { ofSystem("e2fsck", arguments) }

  static func resize2fs(_ arguments: String...) -> Command { ofSystem("resize2fs", arguments) }

  static func tune2fs(_ arguments: String...) -> Command { ofSystem("tune2fs", arguments) }

  static func blkid(_ arguments: String...) -> Command { ofSystem("blkid", arguments) }

  static func mke2fs(_ arguments: String...) -> Command { ofSystem("mke2fs", arguments) }

  /// A tool of the system, whatever the caller's PATH and language.
  static func ofSystem(_ name: String, _ arguments: [String]) -> Command {
    var command = Command(name, arguments)
    command.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]
    return command
  }

  /// Runs `body`, which starts the tool; where it is missing, names the package of Debian that has it.
  static func needing<T: ~Copyable>(_ package: String, _ body: () throws(Failure) -> T) throws(Failure) -> T {
    do {
      return try body()
    } catch {
      guard error.code == .tool, error.remedy != nil else { throw error }
      throw Failure(.tool, error.message, remedy: "install the Debian package \(package)")
    }
  }
}
