// SPDX-License-Identifier: Apache-2.0
package import LinuxIO
package import Report

extension Command {
  /// Runs it on what a guest has on a disk, within the limits for a disk of that size unless it has others, and where it can
  /// reach nothing but that disk unless it is confined otherwise; returns how it ended, and the end of what it said.
  ///
  /// - Parameter writes: whether it may change what is on the disk.
  /// - Throws: `.guest` where it was stopped at a limit.
  package func capture(
    on disk: Disk, writes: Bool = true
  ) throws(Failure) -> (status: ExitStatus, output: [UInt8]) {
    var command = self
    command.limits = limits ?? .disk(of: disk.size)
    if confinement == nil {
      command.confinement = Confinement(.checker, [try .init(disk.path, disk.descriptor, writable: writes)])
    }
    let (status, output) = try command.capture(limit: 16 << 10)
    guard case .stopped = status else { return (status, output) }
    throw Failure(
      .guest,
      "\(executable) \(status): nothing sound on \(disk.path), which has \(Words.bytes(disk.size)), takes as much",
      remedy: "see by hand what \(executable) finds on a copy of it")
  }
}
