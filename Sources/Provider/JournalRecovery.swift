// SPDX-License-Identifier: Apache-2.0
internal import Ext4
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

extension Disk {
  static let recovering = WorkerTask("recovered", .editor) { context throws(Failure) in
    let range = ByteRange(offset: try context.values.number("at"), length: try context.values.number("length"))
    try Filesystem(opening: Region(try context.disk(0), range), writable: true).clearRecovery()
    return nil
  }

  /// Has e2fsck write what the journal of a filesystem in a partition holds. Behind that it looks for the filesystem at the
  /// start of the disk, and ends without saying that the journal is empty: that is said here, and e2fsck can be called again.
  func recoverJournal(in partition: DiskLayout.Partition, _ workers: Workers, _ steps: Steps) throws(Failure) {
    let range = partition.range
    func needsRecovery() throws(Failure) -> Bool {
      let place = range.offset + UInt64(Superblock.range.lowerBound)
      return Superblock(try descriptor.bytes(at: place, count: Superblock.range.count))?.needsRecovery == true
    }
    guard range.offset > 0, try needsRecovery() else { return }
    let (status, _) = try withoutClaim { () throws(Failure) in
      try Command.e2fsck("-p", "\(path)?offset=\(range.offset)").capture(on: self)
    }
    // 4 for errors that are left, and 8 for a failure (e2fsck(8)); alone that is one before anything was written.
    guard status == .exited(12), try needsRecovery() else { return }
    _ = try workers.run(
      Self.recovering, ["at": .number(range.offset), "length": .number(range.length)], [.disk(self)], .editing(self),
      .worker(onDiskOf: size), steps)
  }
}
