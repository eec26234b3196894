// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Report

/// A mount that this process sees, by /proc/self/mountinfo (proc(5)).
package struct Mount: Sendable {
  /// Another for each mount.
  package let id: Int
  /// `MAJOR:MINOR` of the filesystem.
  let device: Substring
  /// Where it is; what is not UTF-8 is as `String(argument:)` has it.
  package let place: String
  package let type: String
  /// Of the mount itself, such as `rw`, `nosuid`.
  let options: [Substring]

  /// In the order in which they were made.
  package static func all() -> [Mount] {
    let lines = (try? readFile("/proc/self/mountinfo", limit: .max))?.split(separator: UInt8(ascii: "\n")) ?? []
    return lines.compactMap { Mount($0) }
  }

  private init?(_ line: ArraySlice<UInt8>) {
    let fields = line.split(separator: UInt8(ascii: " "))
    // Optional fields come before the hyphen, and the type behind it.
    guard fields.count > 6, let hyphen = fields[6...].firstIndex(of: [UInt8(ascii: "-")]), hyphen + 1 < fields.count,
      let id = Int(String(decoding: fields[0], as: UTF8.self))
    else { return nil }
    self.id = id
    device = Substring(decoding: fields[2], as: UTF8.self)
    place = String(argument: Self.unescaped(fields[4]))
    type = String(decoding: fields[hyphen + 1], as: UTF8.self)
    options = Substring(decoding: fields[5], as: UTF8.self).split(separator: ",")
  }

  /// The kernel writes blanks and backslashes as a backslash and three octal digits.
  private static func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      else {
        bytes.append(byte)
        continue
      }
      bytes.append(code)
      rest = rest.dropFirst(3)
    }
    return bytes
  }

  /// Where a block device is mounted.
  package static func place(of device: UInt) -> String? { mounts(of: device).first?.place }

  package static func writablePlace(of device: UInt, isBlockDevice: Bool) -> String? {
    guard isBlockDevice else { return nil }
    return mounts(of: device).first { $0.options.contains("rw") }?.place
  }

  private static func mounts(of device: UInt) -> [Mount] {
    let major = (device >> 8) & 0xFFF | (device >> 32) & ~0xFFF
    let minor = device & 0xFF | (device >> 12) & ~0xFF
    return all().filter { $0.device == "\(major):\(minor)" }
  }

  /// What is mounted, to be named by the descriptor; nil where it is not to be seen at its place, since another mount is
  /// over it.
  package func open() -> Descriptor? {
    let raw = clinux_open_place(ByteString(argument: place).cString)
    guard raw >= 0 else { return nil }
    let file = Descriptor(owning: raw, name: place)
    let line = fileText("/proc/self/fdinfo/\(raw)")?.split(separator: "\n").first { $0.hasPrefix("mnt_id:") }
    guard let found = line?.split(whereSeparator: \.isWhitespace).last, Int(found) == id else { return nil }
    return file
  }
}
