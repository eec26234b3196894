// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Layout
internal import Report
internal import Storage

/// What a copy's disk is known by besides the root filesystem: the UUIDs of other filesystems that the guest boots by, and
/// those in a GUID partition table. Each is made anew where all that names it can follow.
struct Identifiers {
  struct Kept {
    let what: String
    let uuids: [UUID]
    let reason: String
  }

  /// The partitions whose filesystem gets another UUID.
  private(set) var filesystems: [Int] = []
  /// Of the disk and of partitions.
  private(set) var guids: [UUID] = []
  private(set) var kept: [Kept] = []

  /// More partitions than a guest has.
  private static let mostPartitions = 128

  init(of view: GuestView, _ places: UUIDPlaces) {
    for (volume, tree) in Self.filesystems(of: view) {
      let uuid = tree.filesystem.uuid
      if let reason = tree.filesystem.tie ?? places.obstacle(to: uuid) {
        kept.append(Kept(what: volume.words, uuids: [uuid], reason: reason))
      } else {
        filesystems.append(volume.partition.number)
      }
    }
    let all = Self.guids(of: view)
    guids = all.filter { places.obstacle(to: $0) == nil }
    let tied = all.compactMap { uuid in places.obstacle(to: uuid).map { (uuid, $0) } }
    for reason in tied.map(\.1).unique {
      let uuids = tied.filter { $0.1 == reason }.map(\.0)
      kept.append(Kept(what: Self.words(for: uuids, in: view.table), uuids: uuids, reason: reason))
    }
  }

  private static func words(for uuids: [UUID], in table: GPT?) -> String {
    guard let table, !uuids.contains(table.guid) else { return "the partition table" }
    let numbers = table.partitions.filter { uuids.contains($0.uuid) }.map { "\($0.number)" }
    return "\(numbers.count == 1 ? "entry" : "entries") \(Words.list(numbers)) of the partition table"
  }

  /// All of them, as they are.
  static func all(of view: GuestView) -> [UUID] {
    filesystems(of: view).map { $0.1.filesystem.uuid } + guids(of: view)
  }

  private static func filesystems(of view: GuestView) -> [(GuestView.Volume, GuestTree)] {
    view.volumes.compactMap { volume in volume.tree.map { (volume, $0) } }
  }

  private static func guids(of view: GuestView) -> [UUID] {
    guard let table = view.table, table.partitions.count <= mostPartitions else { return [] }
    return ([table.guid] + table.partitions.map(\.uuid)).filter { $0.bytes.contains { $0 != 0 } }
  }
}

extension Filesystem {
  /// Why the filesystem keeps its UUID, whatever names it.
  var tie: String? {
    dependsOnUUID ? "what is encrypted in it depends on that (its feature stable_inodes)" : nil
  }
}

extension [String] {
  /// Each once, in this order.
  var unique: [String] {
    var seen: Set<String> = []
    return filter { seen.insert($0).inserted }
  }
}
