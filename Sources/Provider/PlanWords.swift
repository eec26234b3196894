// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
internal import Report
internal import Storage

extension Disk {
  /// `/dev/vg/disk, 10 GiB`
  var words: String { "\(path), \(Words.bytes(size))" }
}
