// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import Inspection
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// The partitions of a guest's disk, as workers find them and fit them to it.
enum GuestPartitions {
  /// What was found.
  enum Found {
    case noTable
    /// The root filesystem, whose files can be edited.
    case root
    /// Why nothing in it can be edited: what is on the disk.
    case other(String)
  }

  /// More than any guest has, and than an answer has room for.
  fileprivate static let most = 256

  static let finding = WorkerTask("partitions", .reader) { context throws(Failure) in
    let disk = try context.disk(0)
    guard let found = try disk.guestTable() else { return nil }
    for note in found.notes { context.steps.note(note) }
    return try disk.inside(found.table).answer
  }

  /// The table comes to fill the disk, and so does the partition of the root filesystem, where nothing is behind it.
  static let fitting = WorkerTask("fit-partitions", .editor) { context throws(Failure) in
    let disk = try context.disk(0)
    guard let found = try disk.guestTable() else { return nil }
    for note in found.notes { context.steps.note(note) }
    return try context.steps.step("fit the partition table to the disk") { progress throws(Failure) in
      var table = try found.table.moved(to: disk.size, called: disk.path)
      let before = try disk.inside(table)
      if let root = try? before.root() {
        table = table.growing(root.number)
        progress.detail(try words(root, disk.inside(table).partition(root.number)))
      }
      if table != found.table || !found.notes.isEmpty { try disk.write(table) }
      return try disk.inside(table).answer
    }
  }

  private static func words(_ before: DiskLayout.Partition, _ after: DiskLayout.Partition) -> String {
    let (old, new) = (Words.bytes(before.range.length), Words.bytes(after.range.length))
    return before.range == after.range
      ? "partition \(after.number) keeps its \(new)" : "partition \(after.number) grows from \(old) to \(new)"
  }
}

extension PartitionedDisk {
  /// The layout, or why the root filesystem is not known.
  fileprivate var answer: JSON {
    get throws(Failure) {
      do throws(Failure) {
        return ["layout": layout(root: try root()).json]
      } catch {
        guard error.code == .guest else { throw error }
        return ["fault": .string(error.message)]
      }
    }
  }
}

extension Disk {
  /// Its partition table; nil where the disk is one filesystem. A table that can't be believed, or lacks partitions, belongs to a boot
  /// loader where an ext filesystem fills the disk.
  fileprivate func guestTable() throws(Failure) -> FoundTable? {
    if let found = try believedTable() { return found }
    return try holdsExt() ? nil : partitionTable()
  }

  fileprivate func inside(_ table: PartitionTable) throws(Failure) -> PartitionedDisk {
    let count = table.partitions.count
    guard count <= GuestPartitions.most else {
      throw Failure(
        .guest, "\(path) has \(count) partitions, and a guest's disk has at most \(GuestPartitions.most)",
        remedy: "delete those that nothing uses, with sfdisk --delete or sgdisk --delete")
    }
    return try PartitionedDisk(path, table) { range throws(Failure) in
      try descriptor.bytes(at: range.offset, count: Int(range.length))
    } _: { range throws(Failure) in
      try Filesystem(opening: Region(self, range), writable: false)
    }
  }

  /// Has a worker look for the root filesystem in the partitions; where it is there, the layout says so from here on.
  func findRoot(by task: WorkerTask, _ workers: Workers, _ steps: Steps) throws(Failure) -> GuestPartitions.Found {
    let answer = try workers.run(
      task, nil, [.disk(self)], .init(.guest, "looks at the partitions of \(path)"), .worker(onDiskOf: size), steps)
    if answer == .null { return .noTable }
    guard let json = answer["layout"] else { return .other(try answer.text("fault")) }
    layout = try DiskLayout(json, onDiskOf: size)
    guard let root = layout.rootPartition else { return .noTable }
    if root.isExt { return .root }
    return .other("\(root.filesystem ?? "nothing that is known") in partition \(root.number)")
  }

  /// How the tools of e2fsprogs name the root filesystem: they split the name of a disk at the question mark.
  var rootPath: String { layout.rootPartition.map { "\(path)?offset=\($0.range.offset)" } ?? path }
}
