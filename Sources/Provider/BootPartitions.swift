// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

extension Disk {
  /// Recovers the journals of ext filesystems in these partitions and checks them.
  ///
  /// - Returns: the partitions whose filesystem has errors.
  func checkPartitions(_ numbers: [Int], _ workers: Workers, _ steps: Steps) throws(Failure) -> [Int] {
    var unsound: [Int] = []
    for partition in layout.partitions where numbers.contains(partition.number) {
      try steps.step("check partition \(partition.number)") { _ throws(Failure) in
        try recoverJournal(in: partition, workers, steps)
        let (status, _) = try withoutClaim { () throws(Failure) in
          try Command.e2fsck("-fp", "\(path)?offset=\(partition.range.offset)").capture(on: self)
        }
        // 1: errors were corrected (e2fsck(8)).
        if ![.exited(0), .exited(1)].contains(status) { unsound.append(partition.number) }
      }
    }
    return unsound
  }
}
