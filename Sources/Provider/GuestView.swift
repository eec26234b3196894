// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Filesystems
internal import Guest
internal import Inspection
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage

/// The filesystems of a guest as the one tree that the guest has: its root, and what it boots by in other partitions.
struct GuestView {
  /// What is in another partition.
  struct Volume {
    enum Content {
      case ext(GuestTree)
      case fat(FAT)
      /// Why it can't be looked into.
      case closed(String)
    }

    let partition: DiskLayout.Partition
    /// Where the guest mounts it; nil where fstab does not say.
    let place: ByteString?
    let content: Content

    /// As a path in it begins for the reader of a message.
    var prefix: ByteString { place ?? ByteString("\(words):") }
    var words: String { place.map { $0.escaped } ?? "partition \(partition.number)" }
    var tree: GuestTree? { if case .ext(let tree) = content { tree } else { nil } }
  }

  let root: GuestTree
  let volumes: [Volume]
  /// What the guest boots by that is in none of them: where it is mounted.
  let elsewhere: [ByteString]
  let table: GPT?

  /// Of a guest of whose other partitions nothing needs to be known.
  init(_ root: GuestTree) {
    (self.root, volumes, elsewhere, table) = (root, [], [], nil)
  }

  /// - Parameters:
  ///   - mounts: what the guest's fstab says.
  ///   - unsound: the numbers of partitions whose ext filesystem has errors.
  init(_ root: GuestTree, on disk: Disk, _ mounts: [MountedFilesystem], unsound: Set<Int>) throws(Failure) {
    self.root = root
    let found = disk.layout.rootPartition == nil ? nil : try disk.partitionTable()?.table
    table = if case .gpt(let gpt) = found { gpt } else { nil }
    var volumes: [Volume] = []
    var known: [ByteString] = []
    for partition in disk.layout.partitions where partition.range != disk.layout.root {
      guard let volume = try PartitionContent(of: partition, on: disk, unsound: unsound.contains(partition.number))
      else { continue }
      let entry = found?.partitions.first { $0.number == partition.number }
      let places = mounts.filter { volume.isNamed(by: $0.source, entry) }.map(\.mountPoint)
      known += places
      // What the guest mounts where nothing is that it boots by names no disk.
      let place = places.first { UUIDPlaces.concerns($0) }
      guard places.isEmpty || place != nil else { continue }
      volumes.append(Volume(partition: partition, place: place, content: volume.content))
    }
    self.volumes = volumes
    elsewhere = mounts.filter(\.isOfBoot).map(\.mountPoint).filter { !known.contains($0) }
  }
}

/// What is in a partition, and what fstab(5) can call it by.
private struct PartitionContent {
  let content: GuestView.Volume.Content
  private var uuid: String?
  private var label: String?

  /// Nil where it is not a filesystem with files.
  init?(of partition: DiskLayout.Partition, on disk: Disk, unsound: Bool) throws(Failure) {
    guard let kind = partition.filesystem else { return nil }
    let range = partition.range
    func read(_ part: ByteRange) throws(Failure) -> [UInt8] {
      try disk.descriptor.bytes(at: range.offset + part.offset, count: Int(min(part.length, range.length)))
    }
    func tag(_ place: Int, _ length: Int) throws(Failure) -> String {
      let bytes = try read(ByteRange(offset: UInt64(place), length: UInt64(length)))
      return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    func identifier(_ place: Int) throws(Failure) -> String {
      UUID(bytes: try read(ByteRange(offset: UInt64(place), length: 16))).description
    }
    let words = "partition \(partition.number) (\(kind))"
    switch kind {
    case "ext2", "ext3", "ext4":
      (uuid, label) = (try identifier(1024 + 104), try tag(1024 + 120, 16))
      let superblock = Superblock(try read(ByteRange(offset: 1024, length: 1024)))
      let obstacle = unsound ? "has errors" : superblock?.sharesBlocks == true ? "is for reading only" : nil
      content = obstacle.map { .closed("\(words) \($0)") } ?? Self.ext(range, on: disk, words)
    case "xfs":
      (uuid, label) = (try identifier(32), try tag(108, 12))
      content = .closed("\(words) may name it")
    case "btrfs":
      (uuid, label) = (try identifier((64 << 10) + 32), try tag((64 << 10) + 299, 256))
      content = .closed("\(words) may name it")
    case "vfat":
      do throws(Failure) {
        let fat = try FAT("partition \(partition.number)", length: range.length, read: read)
        (uuid, label) = (fat.serial.lowercased(), (try? fat.content(most: 100_000).label) ?? fat.label)
        content = .fat(fat)
      } catch {
        content = .closed("\(words) can't be searched: \(error.message)")
      }
    default: return nil
    }
  }

  private static func ext(_ range: ByteRange, on disk: Disk, _ words: String) -> GuestView.Volume.Content {
    do throws(Failure) {
      return .ext(try GuestTree(partition: range, of: disk, writable: false))
    } catch {
      return .closed("\(words) can't be searched: \(error.message)")
    }
  }

  func isNamed(by source: MountedFilesystem.Source, _ entry: PartitionTable.Partition?) -> Bool {
    switch source {
    case .uuid(let uuid): uuid == self.uuid
    case .label(let label): label == self.label
    case .partitionUUID(let uuid): uuid == entry?.uuid
    case .partitionLabel(let label): label == entry?.label
    case .partition(let number): number == entry?.number
    case .other: false
    }
  }
}

extension GuestTree {
  /// Of another filesystem than the root.
  convenience init(partition range: ByteRange, of disk: Disk, writable: Bool) throws(Failure) {
    self.init(try Filesystem(opening: Region(disk, range), writable: writable), isInPlace: true)
  }
}
