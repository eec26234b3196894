// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
internal import Interface
internal import LinuxIO
internal import Report

extension State {
  /// Finishes or undoes what killed commands have left, and says so.
  ///
  /// - Parameter held: names that the caller has locked.
  func recover(holding held: [String] = [], steps: Steps) throws(Failure) {
    for entry in allEntries(of: instances).names where entry.hasPrefix(".") && entry.hasSuffix(".new") {
      let key = String(entry.dropFirst().dropLast(".new".count))
      try whileFree(key, held) { () throws(Failure) in try recoverInstance(key, holding: held + [key], steps) }
    }
    for entry in visibleEntries(of: exports).names where entry.hasSuffix(".new") {
      let key = String(entry.dropLast(".new".count))
      // Up to version 0.2 an export that is being made has the lock of its instance alone.
      try whileFree(key, held) { () throws(Failure) in
        try whileFree(Self.lock(ofExport: key), held) { () throws(Failure) in
          // Whoever had it may have finished since the folder was listed.
          guard examine("\(exports)/\(entry)", itself: true).error == 0 else { return }
          try Folder(exports).remove(entry)
          steps.note("removed \(exports)/\(entry), which an export that was cut short had left")
        }
      }
    }
  }

  /// Runs `body` with the lock of `key`, unless somebody works on that.
  private func whileFree(_ key: String, _ held: [String], _ body: () throws(Failure) -> Void) throws(Failure) {
    if held.contains(key) { return try body() }
    guard let lock = StateLock.forRecovery(key, in: self) else { return }
    defer { withExtendedLifetime(lock) {} }
    try body()
  }

  private func recoverInstance(_ key: String, holding held: [String], _ steps: Steps) throws(Failure) {
    let draft = Self.draft(ofInstance: key)
    guard examine("\(instances)/\(draft)", itself: true).error == 0 else { return }
    let folder = try Folder(instances)
    let current = try? KeptInstance(describedIn: "\(instances)/\(key)")
    let other = try? KeptInstance(describedIn: "\(instances)/\(draft)")
    var words = "removed what a command for \(key) that was cut short had left"
    if let current, Self.key(current.name) != key {
      // It was renamed, all but the folder.
      let new = Self.key(current.name)
      var isFree = false
      try whileFree(new, held) { () throws(Failure) in
        isFree = true
        let folder = try Folder(instances)
        if has(current.name) {
          try folder.exchange(key, draft)
          words = "undid a rename of \(key) that was cut short: there is a \(new) already"
        } else {
          try folder.move(key, to: folder, as: new)
          words = "finished the rename of \(key) to \(new) that was cut short"
        }
      }
      guard isFree else { return }
    } else if let current {
      words =
        (other?.serial ?? .max) < current.serial
        ? "finished a change of \(key) that was cut short"
        : "undid a change of \(key) that was cut short: it is as it was before"
    }
    try folder.flush()
    try folder.remove(draft)
    steps.note(words)
  }
}
