// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc
package import Interface
internal import LinuxIO
internal import Report

extension Node {
  /// Writes the dump of an instance's disk, as its OS makes it, to the file `path`.
  ///
  /// The file is there, whole and on the disk, or it is as it was before: what is being written is `path.new`.
  package func exportBackup(of name: InstanceName, os: String, disk: DiskRequest, to path: String) throws {
    let definition = try searchPath.definition(named: os)
    try checkPresent(disk)
    var backup = try NewBackup(absolute(path))
    let call = try ScriptCall(
      definition, .export(disk: 0, path: disk.path, to: backup.raw), of: instance(name, of: definition, disk, disk),
      version: 5)
    let interrupt = Interrupts.onInterrupt { [draft = backup.draft] in unlink(draft) }
    defer { interrupt.cancel() }
    try steps.step("export \(name) by \(definition.name)") { progress in
      try following(progress, position: { [raw = backup.raw] in lseek(raw, 0, SEEK_CUR) }) {
        try call.run(logFolder: logFolder)
      }
    }
    try backup.keep()
  }

  /// Has an instance's OS restore a dump onto its disks.
  ///
  /// - Parameter force: whether disks that hold something may be overwritten.
  package func importBackup(
    _ name: InstanceName, os: String, disk: DiskRequest, swap: DiskRequest, from path: String, force: Bool
  ) throws {
    let definition = try searchPath.definition(named: os)
    let (status, error) = examine(path)
    guard error == 0 else { throw Failure(.dump, "cannot use the dump \(path): \(String(cString: strerror(error)))") }
    guard status.isRegular else { throw Failure(.dump, "the dump \(path) is not a file") }
    let dump = try Descriptor(path, O_RDONLY)
    let raw = dump.raw
    let call = try ScriptCall(
      definition, .import(disk: 0, from: raw), of: instance(name, of: definition, disk, swap), version: 5)
    let length = UInt64(try dump.status().st_size)
    try withWritableDisks([disk, swap], force: force) {
      try steps.step("import \(name) by \(definition.name)") { progress in
        progress.expect(length)
        try following(progress, position: { lseek(raw, 0, SEEK_CUR) }) { try call.run(logFolder: logFolder) }
      }
    }
    try dump.close()
  }
}

/// Runs `body`, in which a script reads or writes a file, and tells how far it is. The script has our open file, so
/// `position`, where that file is at, is where the script is.
private func following(
  _ progress: StepProgress, position: @escaping @Sendable () -> off_t, _ body: () throws -> Void
) rethrows {
  let queue = DispatchQueue(label: "progress")
  let timer = DispatchSource.makeTimerSource(queue: queue)
  // Only used on the queue.
  nonisolated(unsafe) var told: off_t = 0
  let tell: @Sendable () -> Void = {
    let now = position()
    guard now > told else { return }
    progress.advance(by: UInt64(now - told))
    told = now
  }
  timer.setEventHandler(handler: tell)
  timer.schedule(deadline: .now() + .milliseconds(100), repeating: .milliseconds(100))
  timer.activate()
  defer {
    timer.cancel()
    queue.sync(execute: tell)
  }
  try body()
}

/// A dump that is being written beside the one that it replaces.
private struct NewBackup: ~Copyable {
  let path: String
  let draft: String
  private let file: Descriptor
  private var isKept = false

  var raw: Int32 { file.raw }

  init(_ path: String) throws(Failure) {
    let draft = "\(path).new"
    file = try Self.open(draft, for: path)
    self.path = path
    self.draft = draft
  }

  deinit {
    if !isKept { unlink(draft) }
  }

  /// Makes it the dump at `path`.
  mutating func keep() throws(Failure) {
    try file.flush()
    guard rename(draft, path) == 0 else { throw .system("move \(draft) to", path) }
    isKept = true
    try Descriptor(split(path).folder, O_RDONLY | O_DIRECTORY).flush()
  }

  private static func open(_ draft: String, for path: String) throws(Failure) -> Descriptor {
    let (status, error) = examine(path)
    guard error == ENOENT || (error == 0 && status.isRegular) else {
      throw Failure(
        .usage, error == 0 ? "\(path) is not a file" : "cannot write \(path): \(String(cString: strerror(error)))",
        remedy: "name the file that is to be written")
    }
    // Guests have secrets: nobody else may read a dump.
    let file = try Descriptor(draft, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    // Between the opening and the lock another export may have finished: then this is its dump, and whole.
    guard flock(file.raw, LOCK_EX | LOCK_NB) == 0, examine(draft).status.st_ino == (try file.status().st_ino) else {
      throw Failure(.busy, "\(draft) is being written by another export", remedy: "wait for its end")
    }
    guard fchmod(file.raw, 0o600) == 0, ftruncate(file.raw, 0) == 0 else { throw .system("empty", draft) }
    return file
  }
}
