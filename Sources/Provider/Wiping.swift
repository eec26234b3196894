// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import LinuxIO
internal import Report
internal import Storage

extension Disk {
  /// Wipes the disk as it is configured; what can't be wiped is told.
  func wipe(_ configuration: Configuration, _ steps: Steps) throws(Failure) -> Wipe {
    let wiped = try steps.step("wipe \(path)") { progress throws(Failure) in
      try wipe(configuration.diskWipe, progress: progress)
    }
    if wiped == .none, configuration.diskWipe == .discard {
      steps.note("\(path) can't discard: what an earlier tenant left beyond the guest's files stays")
    }
    return wiped
  }

  func makeSwap(_ uuid: UUID, _ configuration: Configuration, _ steps: Steps) throws(Failure) {
    try steps.step("make swap on \(path)") { progress throws(Failure) in
      _ = try wipe(configuration.diskWipe, progress: progress)
      try SwapArea.make(on: self, uuid: uuid)
    }
  }

  /// Clears what the new parts of a filesystem call used and the system's tools do not write.
  func clearUnwritten() throws(Failure) {
    let device = Region(self)
    let filesystem = try Filesystem(opening: device, writable: true)
    try filesystem.clearUnwritten()
    try filesystem.commit()
  }
}
