// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Guest
internal import Report

/// Where a guest names the UUIDs of its disks: the files that it boots by, and its configuration.
///
/// A guest whose disk gets another UUID boots only if all of them follow. Texts can; so all else is an obstacle, and so
/// is what can't be looked into.
struct UUIDPlaces {
  struct Text {
    let path: ByteString
    let inode: InodeNumber
  }

  private(set) var texts: [Text] = []
  /// Why a disk keeps its UUID: the first reason that was found.
  private var obstacles: [UUID: String] = [:]

  private let uuids: Set<UUID>
  private var entered: Set<InodeNumber> = []
  private var entriesLeft = 100_000
  private var bytesLeft: UInt64 = 4 << 30

  /// Folders that boot loaders and the makers of their configuration read, and that of all programs.
  private static let folders: [ByteString] = [
    "/boot", "/efi", "/loader", "/grub", "/grub2", "/extlinux", "/syslinux", "/isolinux", "/etc", "/usr/lib/kernel",
    "/usr/share/initramfs-tools/conf.d", "/usr/lib/dracut/dracut.conf.d",
  ]
  private static let configuration: ByteString = "/etc"
  private static let deepest = 32
  private static let longestText: UInt64 = 1 << 20
  /// A link that leads out of the folders leads to a text of somebody's, or to a program, which names no disk.
  private static let longestBehindLink: UInt64 = 64 << 10

  /// Looks through the filesystem of a guest.
  init(of uuids: Set<UUID>, _ origin: Origin, in filesystem: borrowing Filesystem) throws(Failure) {
    self.uuids = uuids
    guard !uuids.isEmpty else { return }
    if let mount = origin.bootMounts.first { obstruct(uuids, "the guest's \(mount.escaped) is another filesystem") }
    for folder in Self.folders {
      guard let number = try filesystem.find(folder), try filesystem.kind(number) == .directory else { continue }
      try walk(number, folder, isBoot: folder != Self.configuration, depth: 0, in: filesystem)
    }
  }

  /// Why the disk of this UUID has to keep it; nil where it can get another.
  func obstacle(to uuid: UUID) -> String? { obstacles[uuid] }

  private mutating func obstruct(_ uuids: Set<UUID>, _ reason: String) {
    for uuid in uuids where obstacles[uuid] == nil { obstacles[uuid] = reason }
  }

  private mutating func walk(
    _ folder: InodeNumber, _ path: ByteString, isBoot: Bool, depth: Int, in filesystem: borrowing Filesystem
  ) throws(Failure) {
    guard entered.insert(folder).inserted else { return }
    guard depth < Self.deepest else { return obstruct(uuids, "\(path) is too deep to be searched") }
    for entry in try filesystem.entries(of: folder) where obstacles.count < uuids.count {
      guard entriesLeft > 0 else { return obstruct(uuids, "there are too many files to be searched for it") }
      entriesLeft -= 1
      let path: ByteString = "\(path)/\(entry.name)"
      look(in: entry.name, "the name of \(path)")
      let attributes = try filesystem.attributes(of: entry.inode)
      switch attributes.kind {
      case .directory: try walk(entry.inode, path, isBoot: isBoot, depth: depth + 1, in: filesystem)
      case .file: try look(into: entry.inode, attributes.size, path, isBoot: isBoot, in: filesystem)
      case .symbolicLink:
        look(in: try filesystem.linkTarget(of: entry.inode), "the link \(path)")
        guard let number = try filesystem.find(path) else { break }
        let target = try filesystem.attributes(of: number)
        guard target.kind == .file, target.size <= Self.longestBehindLink else { break }
        try look(into: number, target.size, path, isBoot: isBoot, in: filesystem)
      default: break
      }
    }
  }

  /// What can't be changed: a name, or where a link leads.
  private mutating func look(in name: ByteString, _ what: String) {
    var search = UUIDSearch(for: uuids)
    name.bytes.withUnsafeBytes { search.look(in: $0) }
    obstruct(search.found, "\(what) has it")
  }

  private mutating func look(
    into number: InodeNumber, _ size: UInt64, _ path: ByteString, isBoot: Bool, in filesystem: borrowing Filesystem
  ) throws(Failure) {
    guard entered.insert(number).inserted, size > 0 else { return }
    guard size <= bytesLeft else { return obstruct(uuids, "there is too much in \(path) to be searched for it") }
    bytesLeft -= size
    guard try !filesystem.isEncrypted(number) else { return obstruct(uuids, "\(path) is encrypted") }
    var search = UUIDSearch(for: uuids)
    var beginning: [UInt8] = []
    try filesystem.eachPiece(of: number) { bytes, offset throws(Failure) in
      if offset == 0 { beginning = Array(bytes.prefix(Initrd.prefixLength)) }
      search.look(in: bytes)
    }
    if isBoot, Initrd.isPacked(beginning: beginning) {
      do {
        try Initrd.search(number, in: filesystem, named: path.description, &search, limit: &bytesLeft)
      } catch {
        obstruct(uuids, "\(path) can't be searched for it: \(error.message)")
      }
    }
    guard !search.found.isEmpty else { return }
    // GRUB's core image is made of this file, and holds the same, packed.
    let isInGRUB = isBoot && path.hasSuffix("/load.cfg")
    if search.isText, size <= Self.longestText, !isInGRUB, try !filesystem.isProtected(number) {
      texts.append(Text(path: path, inode: number))
    } else {
      obstruct(search.found, "\(path) names it and can't be edited")
    }
  }
}
