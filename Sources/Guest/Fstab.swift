// SPDX-License-Identifier: Apache-2.0
import Report

/// `/etc/fstab`: the guest's filesystems by UUID, since no host promises the name of a disk.
enum Fstab {
  static let path: ByteString = "/etc/fstab"

  /// - Parameter type: of the root filesystem: `ext4`, `ext3` or `ext2`.
  static func render(root: String, type: String, swap: String?, data: [DataMount] = []) -> String {
    // The swap may be missing without the boot waiting for it; a data disk that is missing stops the boot, so that
    // nothing is written in its place.
    return """
      # <file system>\t<mount point>\t<type>\t<options>\t<dump>\t<pass>
      UUID=\(root)\t/\t\(type)\terrors=remount-ro\(growth(of: type))\t0\t1

      """ + (swap.map { swapLine($0) + "\n" } ?? "")
        + data.map { "UUID=\($0.uuid)\t\($0.mountPoint)\t\($0.type)\tdefaults\(growth(of: $0.type))\t0\t2\n" }.joined()
  }

  /// An ext4 filesystem follows a disk that the host has grown, at the next boot.
  private static func growth(of type: String) -> String { type == "ext4" ? ",x-systemd.growfs" : "" }

  /// What changes under a guest that was restored to other disks.
  struct Restored {
    /// Of the root filesystem in the dump, and here.
    var oldRoot: String
    var root: String
    /// The type of the root filesystem, where it is another one now.
    var rootType: String?
    /// Of the swap that the guest had, where that is known, and of the one it has here.
    var oldSwap: String?
    var swap: String?
  }

  /// The file with the new UUIDs in place of the old ones; lines by label or device, and all else, stay.
  ///
  /// The swap of the restored guest takes the place of the old one, where that is known, or else of the first swap
  /// by UUID; a line is added where no line of the file is of a swap.
  static func restoring(_ bytes: [UInt8], _ restored: Restored) -> [UInt8] {
    var text = TextLines(bytes)
    let entries = text.lines.enumerated().compactMap { index, line in Entry(index, line) }
    // A wrong UUID of the root would stop the boot: whatever it was, it is the one of this disk now.
    for entry in entries where entry.uuid == restored.oldRoot.lowercased() || entry.mountPoint == "/" {
      text.lines[entry.line] = entry.replacing(
        with: restored.root, type: entry.mountPoint == "/" ? restored.rootType : nil, in: text.lines[entry.line])
    }
    guard let swap = restored.swap else { return text.bytes }
    let swaps = entries.filter { $0.type == "swap" }
    if let known = restored.oldSwap?.lowercased(), swaps.contains(where: { $0.uuid == known }) {
      for entry in swaps where entry.uuid == known {
        text.lines[entry.line] = entry.replacing(with: swap, in: text.lines[entry.line])
      }
    } else if let first = swaps.first(where: { $0.uuid != nil }) {
      text.lines[first.line] = first.replacing(with: swap, in: text.lines[first.line])
    } else if swaps.isEmpty {
      text.append(swapLine(swap))
    }
    return text.bytes
  }

  private static func swapLine(_ uuid: String) -> String {
    "UUID=\(uuid)\tnone\tswap\tsw,nofail\t0\t0"
  }

  /// A line that mounts something.
  private struct Entry {
    let line: Int
    /// In lower case; nothing where the line is not by UUID.
    let uuid: String?
    let mountPoint: String
    let type: String
    private let uuidRange: Range<Int>
    private let typeRange: Range<Int>

    init?(_ line: Int, _ bytes: [UInt8]) {
      let fields = TextLines.fields(of: bytes)
      guard fields.count >= 3 else { return nil }
      self.line = line
      mountPoint = fields[1].text
      type = fields[2].text
      typeRange = fields[2].range
      let source = Array(bytes[fields[0].range])
      var range = fields[0].range
      if let prefix = Self.prefixes.first(where: { source.starts(with: $0.utf8) }) {
        range = (range.lowerBound + prefix.utf8.count)..<range.upperBound
        while let first = bytes[range].first, first == UInt8(ascii: "\"") { range = range.dropFirst() }
        while let last = bytes[range].last, last == UInt8(ascii: "\"") { range = range.dropLast() }
        uuid = String(decoding: bytes[range], as: UTF8.self).lowercased()
      } else {
        uuid = nil
      }
      uuidRange = range
    }

    func replacing(with uuid: String, type: String? = nil, in bytes: [UInt8]) -> [UInt8] {
      var bytes = bytes
      // From the end of the line to its beginning: the places of what is before stay.
      if let type, self.type != "auto" { bytes.replaceSubrange(typeRange, with: type.utf8) }
      if self.uuid != nil { bytes.replaceSubrange(uuidRange, with: uuid.utf8) }
      return bytes
    }

    private static let prefixes = ["UUID=", "/dev/disk/by-uuid/"]
  }
}
