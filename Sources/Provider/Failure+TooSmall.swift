// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report
internal import Storage

extension Failure {
  /// - Parameters:
  ///   - what: with a verb, such as `the raw disk has`.
  ///   - size: in bytes, what would be enough.
  static func tooSmall(_ disk: Disk, _ what: String, _ size: UInt64, used: UInt64? = nil) -> Failure {
    let usedWords = used.map { ", of which \(Words.bytes($0)) (\($0) bytes) are used" } ?? ""
    // Rounded down it would not be enough.
    let mebibytes = size >> 20 + (size % (1 << 20) == 0 ? 0 : 1)
    return Failure(
      .device,
      "disk \(disk.path) has \(Words.bytes(disk.size)) (\(disk.size) bytes), too small: \(what) "
        + "\(Words.bytes(size)) (\(size) bytes)\(usedWords)",
      remedy: "give the instance a disk of at least \(mebibytes) MiB")
  }
}
