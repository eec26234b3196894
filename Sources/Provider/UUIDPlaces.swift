// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Filesystems
internal import Guest
internal import Report
internal import Storage

/// Where a guest names the UUIDs of its disks: the files that it boots by, and its configuration.
///
/// A guest whose disk gets another UUID boots only if all of them follow. Texts can; so all else is an obstacle, and so
/// is what can't be looked into.
struct UUIDPlaces {
  struct Text {
    enum Place {
      /// In that partition; nil is the root filesystem.
      case inode(InodeNumber, partition: Int?)
      case fat(FAT.File, partition: Int)
    }

    let path: ByteString
    let place: Place
    let content: FileContent
  }

  private(set) var texts: [Text] = []
  /// Why a disk keeps its UUID: the first reason that was found.
  private var obstacles: [UUID: String] = [:]

  private let uuids: Set<UUID>
  /// Of the filesystem that is searched.
  private var entered: Set<InodeNumber> = []
  private var entriesLeft = 100_000
  private var bytesLeft: UInt64 = 4 << 30

  /// A filesystem that is searched.
  private struct Source {
    let tree: GuestTree
    let partition: Int?
    /// What stands before its paths for the reader of a message.
    let prefix: ByteString
  }

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

  /// Whether a filesystem that is mounted there has something that is searched.
  static func concerns(_ mountPoint: ByteString) -> Bool { !parts(of: mountPoint).isEmpty }

  /// The folders to search of a filesystem that is mounted there, in its own paths.
  private static func parts(of mountPoint: ByteString) -> [(path: ByteString, isBoot: Bool)] {
    folders.compactMap { folder in
      let isBoot = folder != configuration
      if mountPoint == folder || mountPoint.hasPrefix(folder + "/") { return ("/", isBoot) }
      guard folder.hasPrefix(mountPoint + "/") else { return nil }
      return (ByteString(folder.bytes.dropFirst(mountPoint.bytes.count)), isBoot)
    }
  }

  /// Of what keeps its UUIDs.
  init() { uuids = [] }

  /// Looks through the filesystems of a guest.
  init(of uuids: Set<UUID>, in view: GuestView) throws(Failure) {
    self.uuids = uuids
    guard !uuids.isEmpty else { return }
    if let place = view.elsewhere.first { obstruct(uuids, "the guest's \(place.escaped) is another filesystem") }
    try search(
      Source(tree: view.root, partition: nil, prefix: ""), Self.folders.map { ($0, $0 != Self.configuration) })
    for volume in view.volumes {
      do throws(Failure) {
        try search(volume)
      } catch {
        guard error.code == .guest else { throw error }
        obstruct(uuids, "\(volume.words) can't be searched for it: \(error.message)")
      }
    }
  }

  private mutating func search(_ volume: GuestView.Volume) throws(Failure) {
    switch volume.content {
    case .ext(let tree):
      try search(
        Source(tree: tree, partition: volume.partition.number, prefix: volume.prefix),
        // What fstab does not tell of may be mounted at /boot.
        volume.place.map(Self.parts) ?? [("/", true)])
    case .fat(let fat): try search(fat, volume)
    case .closed(let reason): obstruct(uuids, reason)
    }
  }

  /// Why the disk of this UUID has to keep it; nil where it can get another.
  func obstacle(to uuid: UUID) -> String? { obstacles[uuid] }

  private mutating func obstruct(_ uuids: Set<UUID>, _ reason: String) {
    for uuid in uuids where obstacles[uuid] == nil { obstacles[uuid] = reason }
  }

  private mutating func search(_ source: Source, _ folders: [(path: ByteString, isBoot: Bool)]) throws(Failure) {
    entered = []
    for (folder, isBoot) in folders {
      guard let number = try source.tree.filesystem.find(folder), try source.tree.filesystem.kind(number) == .directory
      else { continue }
      try walk(number, folder == "/" ? "" : folder, isBoot: isBoot, depth: 0, in: source)
    }
  }

  private mutating func walk(
    _ folder: InodeNumber, _ inside: ByteString, isBoot: Bool, depth: Int, in source: Source
  ) throws(Failure) {
    guard entered.insert(folder).inserted else { return }
    guard depth < Self.deepest else { return obstruct(uuids, "\(source.prefix + inside) is too deep to be searched") }
    for entry in try source.tree.filesystem.entries(of: folder) where obstacles.count < uuids.count {
      guard entriesLeft > 0 else { return obstruct(uuids, "there are too many files to be searched for it") }
      entriesLeft -= 1
      let inside: ByteString = "\(inside)/\(entry.name)"
      let path = source.prefix + inside
      look(in: entry.name, "the name of \(path)")
      let attributes = try source.tree.filesystem.attributes(of: entry.inode)
      switch attributes.kind {
      case .directory: try walk(entry.inode, inside, isBoot: isBoot, depth: depth + 1, in: source)
      case .file: try look(into: entry.inode, attributes.size, path, isBoot: isBoot, in: source)
      case .symbolicLink:
        look(in: try source.tree.filesystem.linkTarget(of: entry.inode), "the link \(path)")
        guard let number = try source.tree.filesystem.find(inside) else { break }
        let target = try source.tree.filesystem.attributes(of: number)
        guard target.kind == .file, target.size <= Self.longestBehindLink else { break }
        try look(into: number, target.size, path, isBoot: isBoot, in: source)
      default: break
      }
    }
  }

  private mutating func search(_ fat: FAT, _ volume: GuestView.Volume) throws(Failure) {
    for file in try fat.content(most: entriesLeft).files where obstacles.count < uuids.count {
      entriesLeft -= 1
      let path = volume.prefix + file.path
      look(in: file.path, "the name of \(path)")
      let content = FileContent(of: file, in: fat)
      guard try look(into: content, path, isBoot: true, isEditable: true) else { continue }
      texts.append(Text(path: path, place: .fat(file, partition: volume.partition.number), content: content))
    }
  }

  /// What can't be changed: a name, or where a link leads.
  private mutating func look(in name: ByteString, _ what: String) {
    var search = UUIDSearch(for: uuids)
    search.look(in: name.bytes)
    obstruct(search.found, "\(what) has it")
  }

  private mutating func look(
    into number: InodeNumber, _ size: UInt64, _ path: ByteString, isBoot: Bool, in source: Source
  ) throws(Failure) {
    guard entered.insert(number).inserted else { return }
    guard try !source.tree.filesystem.isEncrypted(number) else { return obstruct(uuids, "\(path) is encrypted") }
    let isEditable = try !source.tree.filesystem.isProtected(number)
    let content = FileContent(of: number, size, in: source.tree)
    guard try look(into: content, path, isBoot: isBoot, isEditable: isEditable) else { return }
    texts.append(Text(path: path, place: .inode(number, partition: source.partition), content: content))
  }

  /// Whether it is a text that names one, and that can follow.
  private mutating func look(
    into content: FileContent, _ path: ByteString, isBoot: Bool, isEditable: Bool
  ) throws(Failure) -> Bool {
    guard content.size > 0 else { return false }
    guard content.size <= bytesLeft else {
      obstruct(uuids, "there is too much in \(path) to be searched for it")
      return false
    }
    bytesLeft -= content.size
    var search = UUIDSearch(for: uuids)
    var beginning: [UInt8] = []
    try content.eachPiece { bytes throws(Failure) in
      if beginning.isEmpty { beginning = Array(bytes.prefix(Initrd.prefixLength)) }
      search.look(in: bytes)
    }
    if isBoot, Initrd.isInProgram(beginning: beginning) {
      obstruct(uuids, "\(path) is a kernel with an initrd in it, which can't be searched for it")
    }
    if isBoot, Initrd.isPacked(beginning: beginning) {
      do throws(Failure) {
        try Initrd.search(content.open(), named: path.description, &search, limit: &bytesLeft)
      } catch {
        obstruct(uuids, "\(path) can't be searched for it: \(error.message)")
      }
    }
    guard !search.found.isEmpty else { return false }
    // GRUB's core image is made of this file, and holds the same, packed.
    let isInGRUB = isBoot && path.hasSuffix("/load.cfg")
    if search.isText, content.size <= Self.longestText, !isInGRUB, isEditable { return true }
    obstruct(search.found, "\(path) names it and can't be edited")
    return false
  }
}
