// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import Glibc
internal import Images
internal import LinuxIO
internal import Report
internal import Sources
internal import Storage
internal import Worker

/// Disks that can't go to their place as they come, since they must be made smaller or their content is in no order.
extension DiskRestoration {
  /// Receives what may have to be made smaller: only the worker will know. Where the cache has no place for that, it is a
  /// failure only then.
  ///
  /// - Parameter names: of the spools; the first is for a disk to be made smaller.
  func receiveSpooling(_ stream: IncomingStream, with names: [String]) throws(Failure) -> Received {
    var hasBegun = false
    do throws(Failure) {
      return try configuration.imageStore().withScratch { folder throws(Failure) in
        let spools = try names.map { name throws(Failure) in
          SharedDescriptor(try Descriptor("\(folder)/\(name)", O_RDWR | O_CREAT | O_EXCL, mode: 0o600))
        }
        defer { withExtendedLifetime(spools) {} }
        hasBegun = true
        let answer = try decode(stream, spools: spools.map(\.view), noSpool: nil)
        if try answer.flag("spooled") { try copy(try Disk(spools[0].name, for: .writing)) }
        return try Received(answer)
      }
    } catch {
      guard !hasBegun else { throw error }
      return try Received(decode(stream, spools: [], noSpool: error))
    }
  }

  /// Copies what counts of a spooled disk to its place, made smaller where it must be.
  private func copy(_ spool: Disk) throws(Failure) {
    var isFilesystem = false
    if case .noTable = try spool.findRoot(by: GuestPartitions.finding, workers, Steps(.quiet)) {
      isFilesystem = (try? spool.superblock())?.isUnknown == false
    }
    if isFilesystem {
      try shrink(spool)
    } else if spool.size > disk.size {
      // What is behind the partitions is the copy of their table.
      let end = spool.layout.partitions.map(\.range.end).max() ?? spool.size
      guard spool.layout.table != .none, end <= disk.size else { throw .tooSmall(disk, "the image has", spool.size) }
    }
    var limits = ChildLimits.worker(streaming: disk.size, threads: 1)
    limits.fileSize = max(disk.size, spool.size)
    disk.mark = .awaited
    let answer = try workers.run(
      SpoolCopy.task, ["filesystem": .bool(isFilesystem), "wipe": .string(configuration.diskWipe.rawValue)],
      [.disk(spool), .disk(disk)], .init(.guest, "copies the guest to \(disk.path)"),
      limits, steps)
    disk.mark = try answer.flag("marked") ? .withheld : .written
  }

  /// Makes the filesystem on a spooled disk small enough for `disk`.
  private func shrink(_ spool: Disk) throws(Failure) {
    let size = try spool.superblock().size
    try steps.step(size > disk.size ? "check the filesystem and make it smaller" : "check the filesystem") {
      _ throws(Failure) in
      try spool.recover(workers, steps)
      guard size > disk.size else { return }
      let (status, words) = try Command.resize2fs(spool.path, "\(disk.size / 1024)K").capture(on: spool)
      if status.isSuccess { return try spool.repair(steps) }
      let (_, estimate) = try Command.resize2fs("-P", spool.path).capture(on: spool)
      let blocks = String(decoding: estimate, as: UTF8.self).split(whereSeparator: \.isWhitespace).last
        .flatMap { UInt64($0) }
      let blockSize = try spool.superblock().blockSize
      guard let blocks, blocks.multipliedReportingOverflow(by: blockSize).partialValue > disk.size else {
        throw Failure(.guest, "the filesystem can't be made smaller; resize2fs says: \(Command.lastLines(words))")
      }
      throw .tooSmall(disk, "the guest's files need", blocks.multipliedReportingOverflow(by: blockSize).partialValue)
    }
  }
}
