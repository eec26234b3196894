// SPDX-License-Identifier: Apache-2.0
internal import Digest
internal import Ext4
internal import Glibc
internal import LinuxIO
internal import Report
internal import Storage

/// All files of a guest, read without a mount: a definition that is judged may have made the filesystem to attack.
struct DiskFiles {
  struct Entry: Equatable {
    var kind: FileKind
    var permissions: UInt16
    var uid: UInt32
    var gid: UInt32
    /// Names that the file has; 0 for a folder.
    var links: UInt16
    var size: UInt64
    var device: String
    /// The digest of a file, the target of a link.
    var content: ByteString
    var attributes: [ExtendedAttribute]
  }

  /// By path below the root: `etc/hostname`.
  private(set) var entries: [ByteString: Entry] = [:]

  /// No more folders than these are within each other: a crafted filesystem may be a circle.
  private static let deepest = 100

  init(of disk: ScratchDisk, _ content: DiskContent) throws(Failure) {
    var entries: [ByteString: Entry] = [:]
    try disk.withFilesystem(content) { filesystem throws(Failure) in
      guard let root = try filesystem.find("/") else { throw Failure(.guest, "the filesystem has no root") }
      var seen: [InodeNumber: ByteString] = [:]
      try Self.read(filesystem, root, "", 0, &entries, &seen)
    }
    self.entries = entries
  }

  private static func read(
    _ filesystem: borrowing Filesystem, _ folder: InodeNumber, _ path: ByteString, _ depth: Int,
    _ entries: inout [ByteString: Entry], _ seen: inout [InodeNumber: ByteString]
  ) throws(Failure) {
    guard depth < deepest else { throw Failure(.guest, "the folders of the guest are too deep at \(path)") }
    for name in try filesystem.entries(of: folder) {
      let full = path + name.name
      let attributes = try filesystem.attributes(of: name.inode)
      var content: ByteString = ""
      switch attributes.kind {
      case .symbolicLink: content = try filesystem.linkTarget(of: name.inode)
      case .file:
        if let known = seen[name.inode] {
          content = known
        } else {
          var digest = SHA256()
          // Of what is not zero, with its place: a hole may be larger than any disk.
          try filesystem.eachPiece(of: name.inode, in: filesystem.dataRanges(of: name.inode)) {
            bytes, offset throws(Failure) in
            // The smallest blocks.
            for begin in stride(from: 0, to: bytes.count, by: 1024) {
              let block = UnsafeRawBufferPointer(rebasing: bytes[begin..<min(begin + 1024, bytes.count)])
              guard block.contains(where: { $0 != 0 }) else { continue }
              withUnsafeBytes(of: (offset + UInt64(begin)).littleEndian) { digest.update($0) }
              digest.update(block)
            }
          }
          content = ByteString(digest.hex())
          if attributes.links > 1 { seen[name.inode] = content }
        }
      default: break
      }
      let isFolder = attributes.kind == .directory
      entries[full] = Entry(
        kind: attributes.kind, permissions: attributes.permissions, uid: attributes.uid, gid: attributes.gid,
        links: isFolder ? 0 : attributes.links, size: isFolder ? 0 : attributes.size,
        device: "\(attributes.major):\(attributes.minor)", content: content,
        attributes: try filesystem.extendedAttributes(of: name.inode))
      if isFolder { try read(filesystem, name.inode, "\(full)/", depth + 1, &entries, &seen) }
    }
  }

  /// A file that is not the same in both guests.
  struct Difference {
    let path: ByteString
    /// What differs.
    let words: String
    /// Whether that is the content alone, and its size.
    var isOfContent = false
    var isNew = false
    var isMissing = false
  }

  /// Sorted by path.
  func differences(from other: DiskFiles) -> [Difference] {
    Set(entries.keys).union(other.entries.keys).sorted().compactMap { path in
      switch (entries[path], other.entries[path]) {
      case (let mine?, let others?):
        guard mine != others else { return nil }
        var same = mine
        (same.content, same.size) = (others.content, others.size)
        return Difference(path: path, words: mine.words(of: others), isOfContent: same == others)
      case (nil, _): return Difference(path: path, words: "is missing", isMissing: true)
      case (_, nil): return Difference(path: path, words: "is new", isNew: true)
      }
    }
  }
}

extension DiskFiles.Entry {
  /// What differs, with its value here and there.
  fileprivate func words(of other: Self) -> String {
    var words: [String] = []
    func tell(_ what: String, _ mine: String, _ others: String) {
      if mine != others { words.append("\(what) \(mine), was \(others)") }
    }
    tell("type", "\(kind)", "\(other.kind)")
    tell("mode", String(permissions, radix: 8), String(other.permissions, radix: 8))
    tell("owner", "\(uid):\(gid)", "\(other.uid):\(other.gid)")
    tell("names", "\(links)", "\(other.links)")
    tell("size", "\(size)", "\(other.size)")
    tell("device", device, other.device)
    if content != other.content {
      words.append(kind == .symbolicLink ? "leads to \(content), was \(other.content)" : "content")
    }
    if attributes != other.attributes { words.append("attributes") }
    return words.joined(separator: "; ")
  }
}

/// Files in which a restored or renamed guest may be told its own name, disks, network or keys.
func isIdentity(_ path: ByteString) -> Bool {
  let files: Set<ByteString> = [
    "etc/hostname", "etc/HOSTNAME", "etc/hosts", "etc/mailname", "etc/fstab", "etc/crypttab", "etc/machine-id",
    "etc/resolv.conf", "etc/mtab", "etc/default/grub", "boot/grub/grub.cfg", "boot/grub2/grub.cfg",
    "boot/extlinux/extlinux.conf", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "etc/sysconfig/network",
    "etc/conf.d/hostname", "etc/issue", "var/lib/urandom/random-seed",
  ]
  let starts: [ByteString] = [
    "lost+found", "etc/ssh/ssh_host_", "etc/network/interfaces", "etc/netplan", "etc/systemd/network",
    "etc/NetworkManager/system-connections", "etc/sysconfig/network-scripts", "etc/udev/rules.d", "boot/loader/entries",
  ]
  return files.contains(path) || starts.contains { path.hasPrefix($0) }
}

/// Files that a restored guest may lack: what it makes anew at its next boot.
func isMadeAnew(_ path: ByteString) -> Bool {
  let files: Set<ByteString> = [
    "etc/machine-id", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "var/lib/urandom/random-seed",
  ]
  // udev wrote the names of interfaces and drives into such files.
  let isOfUdev = path.hasPrefix("etc/udev/rules.d/") && path.description.contains("persistent")
  return files.contains(path) || path.hasPrefix("lost+found") || path.hasPrefix("etc/ssh/ssh_host_") || isOfUdev
}
