// SPDX-License-Identifier: Apache-2.0
internal import Filesystems
import Report

/// `/etc/fstab`: the guest's filesystems by UUID, since no host promises the name of a disk.
enum Fstab {
  static let path: ByteString = "/etc/fstab"

  /// - Parameter type: of the root filesystem: `ext4`, `ext3` or `ext2`.
  static func render(
    root: String, type: String, boot: BootLoader? = nil, swap: String?, data: [DataMount] = []
  ) -> String {
    // The swap may be missing without the boot waiting for it; a data disk that is missing stops the boot, so that
    // nothing is written in its place.
    let options = rootOptions(FilesystemKind(named: type), growing: true)
    return """
      # <file system>\t<mount point>\t<type>\t<options>\t<dump>\t<pass>
      UUID=\(root)\t/\t\(type)\t\(options)\t0\t1

      """ + (boot?.mountLine ?? "") + (swap.map { swapLine($0) + "\n" } ?? "")
        + data.map { "UUID=\($0.uuid)\t\($0.mountPoint)\t\($0.type)\t\(dataOptions(of: $0.type))\t0\t2\n" }.joined()
  }

  private static func rootOptions(_ kind: FilesystemKind, growing: Bool) -> String {
    let options = kind.rootOptions + (growing ? kind.growthOptions : [])
    return options.isEmpty ? "defaults" : options.joined(separator: ",")
  }

  private static func dataOptions(of type: String) -> String {
    (["defaults"] + FilesystemKind(named: type).growthOptions).joined(separator: ",")
  }

  /// The disks that a restored guest has here.
  struct Restored {
    var root: String
    /// The type of the root filesystem, where it was made here: then nothing but its UUID names it.
    var newRootType: String?
    /// Of the swap that was made here.
    var swap: String?
  }

  /// The file with the disks that the guest has; all other lines stay.
  ///
  /// The swap takes the place of the first one by UUID, unless it is in the file already; a line is added where no line
  /// is of a swap.
  static func restoring(_ bytes: [UInt8], _ restored: Restored) -> [UInt8] {
    var text = TextLines(bytes)
    let entries = text.lines.enumerated().compactMap { index, line in Entry(index, line) }
    // A wrong UUID of the root would stop the boot: whatever it was, it is the one of this disk now.
    let roots = entries.filter { $0.mountPoint == "/" }
    for entry in roots {
      text.lines[entry.line] =
        if let type = restored.newRootType {
          entry.replacing(newRoot: restored.root, type: type, in: text.lines[entry.line])
        } else {
          entry.replacing(with: restored.root, in: text.lines[entry.line])
        }
    }
    if roots.isEmpty, let type = restored.newRootType {
      text.append(
        "UUID=\(restored.root)\t/\t\(type)\t\(rootOptions(FilesystemKind(named: type), growing: false))\t0\t1")
    }
    guard let swap = restored.swap else { return text.bytes }
    let swaps = entries.filter { $0.type == "swap" }
    if swaps.isEmpty {
      text.append(swapLine(swap))
    } else if !swaps.contains(where: { $0.uuid == swap.lowercased() }),
      let first = swaps.first(where: { $0.uuid != nil })
    {
      text.lines[first.line] = first.replacing(with: swap, in: text.lines[first.line])
    }
    return text.bytes
  }

  /// What a table mounts.
  struct Mounts {
    /// The UUIDs of the root and of the swaps, in lower case, as far as they are named by UUID.
    let root: String?
    let swaps: [String]
    let filesystems: [MountedFilesystem]

    init(_ bytes: [UInt8]) {
      let entries = TextLines(bytes).lines.enumerated().compactMap { index, line in Entry(index, line) }
      root = entries.first { $0.mountPoint == "/" }?.uuid
      swaps = entries.filter { $0.type == "swap" }.compactMap(\.uuid)
      filesystems = entries.map { MountedFilesystem(source: $0.sourceText, mountPoint: $0.mountPoint) }
    }
  }

  private static func swapLine(_ uuid: String) -> String {
    "UUID=\(uuid)\tnone\tswap\tsw,nofail\t0\t0"
  }

  /// A line that mounts something.
  private struct Entry {
    let line: Int
    /// In lower case; nil where the line is not by UUID.
    let uuid: String?
    let sourceText: String
    let mountPoint: String
    let type: String
    private let source: Range<Int>
    private let uuidRange: Range<Int>
    private let typeRange: Range<Int>
    private let options: Range<Int>?

    init?(_ line: Int, _ bytes: [UInt8]) {
      let fields = TextLines.fields(of: bytes)
      guard fields.count >= 3 else { return nil }
      self.line = line
      mountPoint = fields[1].text
      type = fields[2].text
      typeRange = fields[2].range
      options = fields.count > 3 ? fields[3].range : nil
      self.source = fields[0].range
      sourceText = fields[0].text
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

    /// The line with another UUID where it is by UUID.
    func replacing(with uuid: String, in bytes: [UInt8]) -> [UInt8] {
      var bytes = bytes
      if self.uuid != nil { bytes.replaceSubrange(uuidRange, with: uuid.utf8) }
      return bytes
    }

    /// The line of a root filesystem in whose place another one was made.
    func replacing(newRoot uuid: String, type: String, in bytes: [UInt8]) -> [UInt8] {
      var bytes = bytes
      // From the end of the line to its beginning: the places of what is before stay.
      // Options of another kind of filesystem would stop the mount.
      let isLike = self.type == "auto" || FilesystemKind(named: self.type).driver == FilesystemKind(named: type).driver
      if !isLike, let options { bytes.replaceSubrange(options, with: "defaults".utf8) }
      if self.type != "auto" { bytes.replaceSubrange(typeRange, with: type.utf8) }
      if self.uuid != nil {
        bytes.replaceSubrange(uuidRange, with: uuid.utf8)
      } else {
        bytes.replaceSubrange(source, with: "UUID=\(uuid)".utf8)
      }
      return bytes
    }

    private static let prefixes = ["UUID=", "/dev/disk/by-uuid/"]
  }
}
