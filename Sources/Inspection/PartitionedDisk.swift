// SPDX-License-Identifier: Apache-2.0
package import Ext4
package import Layout
package import Report
package import Storage

/// What is in the partitions of a disk, or of the disk in a dump, and which of them a system is started from.
package struct PartitionedDisk {
  /// Gives a filesystem that lies in a range of the disk.
  package typealias Opening = (ByteRange) throws(Failure) -> Filesystem
  /// Gives the bytes of a range of the disk.
  package typealias Reading = (ByteRange) throws(Failure) -> [UInt8]

  private let name: String
  private let table: PartitionTable
  private let open: Opening
  private let types: [String?]

  package init(_ name: String, _ table: PartitionTable, _ read: Reading, _ open: @escaping Opening) throws(Failure) {
    self.name = name
    self.table = table
    self.open = open
    types = try table.partitions.map { partition throws(Failure) in
      let length = min(partition.range.length, Self.lookedAt)
      return Self.filesystem(
        beginning: try read(ByteRange(offset: partition.range.offset, length: length)), in: partition.range, open)
    }
  }

  /// All partitions, in the order of their numbers.
  package var partitions: [DiskLayout.Partition] {
    zip(table.partitions, types).map { .init(number: $0.number, range: $0.range, filesystem: $1) }
  }

  /// The layout with that partition as the one of the root filesystem.
  package func layout(root: DiskLayout.Partition) -> DiskLayout {
    let kind: DiskLayout.Table = if case .gpt = table { .gpt } else { .mbr }
    return DiskLayout(kind, partitions, root: root)
  }

  /// Where the root filesystem is: by the type of the partition, else by what is inside.
  ///
  /// - Throws: `.guest` where there is none, or more than one.
  package func root() throws(Failure) -> DiskLayout.Partition {
    let all = zip(table.partitions, partitions)
    let marked = all.filter { $0.0.type.isRoot }.map { $0.1 }
    if marked.count == 1 { return marked[0] }
    let systems = (marked.isEmpty ? partitions : marked).filter { holdsSystem($0) }
    if systems.count == 1 { return systems[0] }
    let mounted = systems.filter { mountsItself($0) }
    if mounted.count == 1 { return mounted[0] }
    guard systems.isEmpty else {
      let numbers = systems.map { "\($0.number)" }.joined(separator: " and ")
      throw Failure(
        .guest, "\(name) has more than one root filesystem: partitions \(numbers) hold a system each",
        remedy: "give one of them the type of a root partition, by sfdisk --part-type")
    }
    // What can't be looked into is the system where nothing else can be: the largest, behind all others.
    let last = partitions.max { $0.range.offset < $1.range.offset }
    let isLargest = last.map { last in partitions.allSatisfy { $0.range.length <= last.range.length } } ?? false
    if let last, isLargest, ["xfs", "btrfs", DiskLayout.Partition.lvm].contains(last.filesystem) { return last }
    throw Failure(.guest, "\(name) has no known root filesystem: \(words)")
  }

  /// The partition of that number.
  package func partition(_ number: Int) throws(Failure) -> DiskLayout.Partition {
    guard let partition = partitions.first(where: { $0.number == number }) else {
      throw Failure(.usage, "\(name) has no partition \(number): \(words)")
    }
    return partition
  }

  /// `its partitions are 1 (ext4), 14 and 15 (vfat)`
  private var words: String {
    let list = partitions.map { "\($0.number)" + ($0.filesystem.map { " (\($0))" } ?? "") }
    guard list.count > 1 else { return list.first.map { "its one partition is \($0)" } ?? "it has no partitions" }
    return "its partitions are " + Words.list(list)
  }

  private func holdsSystem(_ partition: DiskLayout.Partition) -> Bool {
    guard partition.isExt, let filesystem = try? open(partition.range) else { return false }
    return ["/etc/os-release", "/usr/lib/os-release"].contains { (try? filesystem.find($0)) ?? nil != nil }
  }

  /// Whether the table of what is mounted there has the filesystem itself as the root.
  private func mountsItself(_ partition: DiskLayout.Partition) -> Bool {
    guard let filesystem = try? open(partition.range), let table = try? filesystem.read("/etc/fstab") else {
      return false
    }
    return String(decoding: table, as: UTF8.self).lowercased().contains(filesystem.uuid.description)
  }

  // MARK: Kinds

  private static let lookedAt: UInt64 = 66 << 10

  private static func filesystem(beginning bytes: [UInt8], in range: ByteRange, _ open: Opening) -> String? {
    func has(_ signature: String, _ offset: Int) -> Bool { bytes.dropFirst(offset).starts(with: signature.utf8) }
    if let superblock = Superblock(Array(bytes.dropFirst(1024).prefix(1024))), !superblock.isJournal {
      return (try? open(range).type) ?? "ext4"
    }
    let known: [(String, Int, String)] = [
      ("XFSB", 0, "xfs"), ("_BHRfS_M", (64 << 10) + 64, "btrfs"), ("SWAPSPACE2", 4086, "swap"),
      ("LABELONE", 512, DiskLayout.Partition.lvm), ("LUKS", 0, "crypto_LUKS"), ("NTFS    ", 3, "ntfs"),
      ("FAT1", 54, "vfat"),
      ("FAT32", 82, "vfat"),
    ]
    return known.first { has($0.0, $0.1) }?.2
  }
}

extension DiskLayout.Partition {
  /// As blkid(8) names a physical volume of LVM2, which may have the root filesystem in it.
  fileprivate static let lvm = "LVM2_member"
  package var isLVM: Bool { filesystem == Self.lvm }

  /// Its files can be read and edited.
  package var isExt: Bool { ["ext2", "ext3", "ext4"].contains(filesystem) }
}
