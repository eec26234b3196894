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
  ///
  /// - Parameter secrets: what is in none of them, whole or in part, the longest first.
  func lastLines(_ count: Int, without secrets: [[UInt8]]) -> [String] {
    let limit: UInt64 = 32768
    let length = length
    guard length > 0 else { return [] }
    let shown = min(length, limit)
    // A secret may begin before what is shown.
    let before = min(length - shown, UInt64(secrets.first?.count ?? 0))
    let from = start + length - shown - before
    guard let bytes = try? file.bytes(at: from, count: Int(before + shown)) else { return [] }
    let lines = Self.hiding(secrets, in: bytes, from: Int(before)).split { $0 == 0x0a || $0 == 0x0d }
    return lines.suffix(count).map { Words.printable(String(decoding: $0, as: UTF8.self), limit: 500) }
  }

  /// The bytes from `start` on, with a word in the place of each secret.
  private static func hiding(_ secrets: [[UInt8]], in bytes: [UInt8], from start: Int) -> [UInt8] {
    var shown: [UInt8] = []
    var position = 0
    while position < bytes.count {
      if let secret = secrets.first(where: { bytes[position...].starts(with: $0) }) {
        position += secret.count
        if position > start { shown += Array("[secret]".utf8) }
      } else {
        if position >= start { shown.append(bytes[position]) }
        position += 1
      }
    }
    return shown
  }
}
