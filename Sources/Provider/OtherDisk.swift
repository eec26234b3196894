// SPDX-License-Identifier: Apache-2.0
internal import Layout
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

/// A restored disk that no guest boots from: it stays as it was, but for what says how large it is.
enum OtherDisk {
  /// Has a partition table, or a swap area, end where the disk ends.
  static let fitting = WorkerTask("fit-disk", .editor) { context throws(Failure) in
    let disk = try context.disk(0)
    if let found = try disk.believedTable() {
      let table = try found.table.moved(to: disk.size, called: disk.path)
      if table != found.table {
        try context.steps.step("fit the partition table to the disk") { _ throws(Failure) in try disk.write(table) }
      }
    } else if try disk.descriptor.signatures(in: ByteRange(offset: 0, length: disk.size)).isSwap {
      try SwapArea.grow(on: disk)
    }
    return nil
  }
}
