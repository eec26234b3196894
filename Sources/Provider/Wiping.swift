// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Ext4
internal import LinuxIO
internal import Report
internal import Storage
internal import Worker

extension Disk {
  /// Wipes the disk as it is configured; what can't be wiped is told.
  func wipe(_ wanted: Wipe, _ steps: Steps) throws(Failure) -> Wipe {
    let wiped = try steps.step("wipe \(path)") { progress throws(Failure) in
      try wipe(wanted, progress: progress)
    }
    if wiped == .none, wanted == .discard {
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

  static let clearing = WorkerTask("clear", .editor) { context throws(Failure) in
    try context.disk(0).clearUnwritten()
    return nil
  }

  /// Clears what the new parts of a filesystem call used and the system's tools do not write.
  func clearUnwritten() throws(Failure) {
    let device = Region(rootOf: self)
    let filesystem = try Filesystem(opening: device, writable: true)
    try filesystem.clearUnwritten()
    try filesystem.commit()
  }
}
