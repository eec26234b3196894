// SPDX-License-Identifier: Apache-2.0
package import Report

/// A line of fstab(5) that mounts a filesystem.
package struct MountedFilesystem: Sendable, Equatable {
  /// What the line calls the filesystem by.
  package enum Source: Sendable, Equatable {
    /// In lower case.
    case uuid(String)
    case label(String)
    /// Of its partition, in lower case.
    case partitionUUID(String)
    case partitionLabel(String)
    /// Of its partition, by the name of a device that is the first of its machine.
    case partition(Int)
    case other
  }

  package let source: Source
  package let mountPoint: ByteString

  /// - Parameter source: the first field, as it stands there.
  init(source: String, mountPoint: String) {
    self.source = Source(source)
    self.mountPoint = ByteString(mountPoint)
  }

  /// The guest boots by what is in it: it is /boot or below, or /efi.
  package var isOfBoot: Bool { mountPoint == "/boot" || mountPoint.hasPrefix("/boot/") || mountPoint == "/efi" }
}

extension MountedFilesystem.Source {
  init(_ field: String) {
    for (tag, folder, make) in Self.tags {
      for prefix in ["\(tag)=", "/dev/disk/\(folder)/"] where field.hasPrefix(prefix) {
        self = make(Self.plain(field.dropFirst(prefix.count)))
        return
      }
    }
    self = Self.number(ofDevice: field).map { .partition($0) } ?? .other
  }

  private static let tags: [(String, String, @Sendable (String) -> Self)] = [
    ("UUID", "by-uuid", { .uuid($0.lowercased()) }), ("LABEL", "by-label", { .label($0) }),
    ("PARTUUID", "by-partuuid", { .partitionUUID($0.lowercased()) }),
    ("PARTLABEL", "by-partlabel", { .partitionLabel($0) }),
  ]

  /// Without quotes, and with the characters for which an octal number stands, or a hexadecimal one in a link of udev.
  private static func plain(_ text: Substring) -> String {
    var bytes = Array(text.utf8)
    for quote in "\"'".utf8 where bytes.count >= 2 && bytes.first == quote && bytes.last == quote {
      bytes = Array(bytes[1..<bytes.count - 1])
    }
    var (plain, index): ([UInt8], Int) = ([], 0)
    while index < bytes.count {
      let isHexadecimal = bytes[index...].dropFirst().first == UInt8(ascii: "x")
      let digits = String(
        decoding: bytes[index...].dropFirst(isHexadecimal ? 2 : 1).prefix(isHexadecimal ? 2 : 3), as: UTF8.self)
      if bytes[index] == UInt8(ascii: "\\"), let byte = UInt8(digits, radix: isHexadecimal ? 16 : 8) {
        plain.append(byte)
        index += 4
      } else {
        plain.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: plain, as: UTF8.self)
  }

  /// `/dev/sda2`, `/dev/nvme0n1p2`: 2.
  private static func number(ofDevice path: String) -> Int? {
    for disk in ["sda", "vda", "xvda", "hda", "nvme0n1p", "mmcblk0p"] where path.hasPrefix("/dev/\(disk)") {
      return Int(path.dropFirst("/dev/\(disk)".count))
    }
    return nil
  }
}
