// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import Report

/// A disk as the command line names it: `PATH` or `PATH:SIZE`.
package struct DiskRequest: Sendable, Equatable {
  /// Absolute.
  package let path: String
  /// In bytes; nil for whatever the disk has.
  package let size: UInt64?

  package init(path: String, size: UInt64?) {
    self.path = absolute(path)
    self.size = size
  }

  /// A path that is there is taken as it stands: paths of devices have colons in them too.
  package init(parsing text: String) throws(Failure) {
    guard !text.isEmpty else { throw Failure(.usage, "the path of a disk is empty") }
    guard let colon = text.lastIndex(of: ":"), examine(text).error != 0 else {
      self.init(path: text, size: nil)
      return
    }
    let (path, size) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
    guard !path.isEmpty, let bytes = Self.bytes(size) else {
      throw Failure(
        .usage, "\(text.quoted) is not a disk: \(size.quoted) is not a size",
        remedy: "write PATH:SIZE, with SIZE such as 10G, 512M or a number of MiB")
    }
    self.init(path: path, size: bytes)
  }

  /// A size as gnt-instance takes it: a number with M, G or T, MiB without one, up to the next multiple of 4 MiB.
  package static func bytes(_ text: String) -> UInt64? {
    let number = text.prefix { ("0"..."9").contains($0) || $0 == "." }
    let unit: UInt64? =
      switch text[number.endIndex...].lowercased() {
      case "", "m", "mb", "mib": 1
      case "g", "gb", "gib": 1 << 10
      case "t", "tb", "tib": 1 << 20
      default: nil
      }
    guard let unit, let value = Double(number), value > 0, value * Double(unit) < 0x1p40 else { return nil }
    let mebibytes = UInt64((value * Double(unit)).rounded(.up))
    return (mebibytes + 3) / 4 * 4 << 20
  }
}
