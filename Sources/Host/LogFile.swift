// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxIO
internal import Report

/// The log of one call of a script.
struct LogFile: ~Copyable, Sendable {
  let path: String
  private let file: Descriptor
  private let start: UInt64

  var view: DescriptorView { file.view }

  /// Opens `FOLDER/os/NAME.log`, and makes the folders.
  init(in folder: String, _ name: String) throws(Failure) {
    let logs = "\(absolute(folder))/os"
    let file = try Self.open("\(name).log", in: logs)
    start = UInt64(try file.status().st_size)
    path = file.name
    self.file = file
  }

  private static func open(_ name: String, in folder: String) throws(Failure) -> Descriptor {
    do throws(Failure) {
      // A second call in the same second adds to the log of the first.
      return try Folder.own(folder, mode: 0o750).open(name, O_RDWR | O_CREAT | O_APPEND, mode: 0o640)
    } catch {
      throw Failure(
        error.code, error.message,
        remedy: error.remedy ?? "choose a folder for the logs that you may write: --log-dir DIR")
    }
  }

  /// How much this call wrote, in bytes.
  var length: UInt64 {
    guard let end = try? UInt64(file.status().st_size), end > start else { return 0 }
    return end - start
  }

  /// The last lines that this call wrote, fit for a terminal.
  func lastLines(_ count: Int) -> [String] {
    let limit: UInt64 = 32768
    let length = length
    guard length > 0 else { return [] }
    let from = start + length - min(length, limit)
    guard let bytes = try? file.bytes(at: from, count: Int(min(length, limit))) else { return [] }
    let lines = bytes.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d })
    return lines.suffix(count).map { Words.printable(String(decoding: $0, as: UTF8.self), limit: 500) }
  }
}
