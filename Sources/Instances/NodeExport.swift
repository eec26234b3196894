// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
package import Interface
internal import LinuxIO
package import Report

extension Node {
  /// Writes an export of an instance into the state folder, in the place of the last one.
  ///
  /// The scripts are given copies of the disks: one that writes to a disk makes the export fail, and does no harm.
  ///
  /// - Returns: the folder of the export.
  @discardableResult
  package func exportBackup(of name: InstanceName) throws(Failure) -> String {
    let adopted = (try? state.instance(name))?.adoptedPaths ?? []
    let keys = [State.key(name), State.lock(ofExport: State.key(name))] + adopted.compactMap(adoptionKey)
    return try state.locking(keys, for: "backup export", steps: steps) { _ throws(Failure) in
      let instance = try state.instance(name)
      if let fault = instance.unusable(in: state) { throw fault }
      let definition = try definition(of: instance)
      let key = State.key(name)
      return try withStagedFolder(state.exports, State.draft(ofExport: key)) { draft throws(Failure) in
        // Beside the disks, where a copy may share their blocks.
        try withStagedFolder(state.instances, State.draft(ofInstance: key)) { snapshots throws(Failure) in
          try copyDisks(of: instance, to: snapshots.path)
          try export(instance.inFolder(snapshots.path), by: definition, to: draft.path)
        }
        try draft.commit(as: key)
        return state.exportFolder(name)
      }
    }
  }

  private func export(_ instance: KeptInstance, by definition: OSDefinition, to folder: String) throws(Failure) {
    // Version 5 knows one disk that is exported; what is on the other is swapped memory.
    let indices = definition.spokenVersion == 5 ? [0] : Array(instance.disks.indices)
    let dumps = Dictionary(uniqueKeysWithValues: indices.map { ($0, "disk\($0).dump") })
    // The import of a host of version 5 is behind gunzip, always.
    let isGzipped = definition.spokenVersion == 5
    let exports = try indices.map { index throws(Failure) in
      try DiskExport(index, of: instance, to: "\(folder)/disk\(index).dump", isGzipped: isGzipped)
    }
    let calls = try exports.map { export throws(Failure) in
      var call = try call(
        definition, .export(disk: export.index, path: export.disk, to: export.dump.view), of: instance)
      if definition.spokenVersion != 5 { call.sizeDescriptor = export.expected.view }
      return call
    }
    try steps.step("export \(instance.name) by \(instance.osName)") { progress throws(Failure) in
      let follower = Follower(progress) {
        for export in exports { export.tell(progress: &$0) }
      }
      try follower.following { () throws(Failure) in
        try together(calls) { [logFolder] call throws(Failure) in
          guard case .export(let disk, _, _) = call.purpose, let export = exports.first(where: { $0.index == disk })
          else { return }
          try export.take(call, logFolder: logFolder)
        }
      }
    }
    for (index, export) in exports.enumerated() { try export.finish(calls[index], of: instance) }
    let text = ExportConfiguration.text(of: instance, dumps: dumps, isGzipped: isGzipped)
    try Folder(folder).write(Array(text.utf8), to: ExportConfiguration.file, mode: 0o600)
  }
}

/// One disk on its way into a dump.
private final class DiskExport: Sendable {
  let index: Int
  let disk: String
  let dump: Descriptor
  /// Where the script tells how much it will write.
  let expected: Descriptor
  private let mark: DiskMark
  private let isGzipped: Bool

  init(_ index: Int, of instance: KeptInstance, to path: String, isGzipped: Bool) throws(Failure) {
    self.index = index
    self.isGzipped = isGzipped
    disk = instance.disks[index].path
    dump = try Descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    expected = try Descriptor(inMemory: "the expected size")
    mark = try DiskMark(disk)
  }

  func tell(progress: inout Follower.Position) {
    progress.done += dump.position()
    let text = (try? expected.bytes(at: 0, count: 32)) ?? []
    let digits = text.prefix { (0x30...0x39).contains($0) }
    progress.expect(UInt64(String(decoding: digits, as: UTF8.self)))
  }

  /// Runs an export script with the dump as its output.
  func take(_ call: ScriptCall, logFolder: String) throws(Failure) {
    guard isGzipped else {
      try call.run(logFolder: logFolder)
      return
    }
    let pipe = try Pipe()
    let words = try Descriptor(inMemory: "what gzip says")
    // Most dumps are compressed already, so it is to be fast.
    var command = Command("gzip", ["--fast"])
    command.input = .descriptor(pipe.reader.view)
    command.output = .descriptor(dump.view)
    command.error = .descriptor(words.view)
    let gzip = try command.start()
    let writer = pipe.keepingWriter()
    var call = call
    call.purpose = .export(disk: index, path: disk, to: writer.view)
    var failure: Failure?
    do throws(Failure) { try call.run(logFolder: logFolder) } catch { failure = error }
    try writer.close()
    let ended = ContinuousClock.now
    let status = try gzip.wait { () throws(Failure) in
      guard ended.duration(to: .now) > .seconds(10) else { return }
      throw Failure(
        .script, "a process that the export script of \(call.definition.name) left behind keeps its output open")
    }
    // Where gzip fails, as for want of room, the script fails for want of a reader.
    guard status.isSuccess else {
      let lines = String(decoding: try words.bytes(at: 0, count: 500), as: UTF8.self).split(separator: "\n")
      throw Failure(
        .io, "the dump \(dump.name) cannot be written: \(Words.printable(lines.last ?? "gzip \(status)"))")
    }
    if let failure { throw failure }
  }

  func finish(_ call: ScriptCall, of instance: KeptInstance) throws(Failure) {
    guard try DiskMark(disk) == mark else {
      let remedy =
        instance.adopted.contains(index)
        ? "correct the script, and look at what it did: the disk is adopted, so it was not a copy"
        : "correct the script; it had a copy, so the disk is as it was"
      throw Failure(
        .script, "the export script of \(call.definition.name) wrote to disk \(index) of \(call.instance.name)",
        remedy: remedy)
    }
    guard try !isEmpty() else {
      throw Failure(
        .script,
        "the export script of \(call.definition.name) ended well, but has written nothing for disk \(index) of "
          + "\(call.instance.name)", remedy: "correct the script: it is to write the dump to its standard output")
    }
    try dump.flush()
  }

  /// Whether the script has written nothing.
  private func isEmpty() throws(Failure) -> Bool {
    let length = try dump.length()
    // At its end gzip has the length of what it was given, in 32 bits (RFC 1952); 4 GiB take more bytes than this.
    guard isGzipped, (4..<64).contains(length) else { return length == 0 }
    return try dump.bytes(at: length - 4, count: 4).allSatisfy { $0 == 0 }
  }
}
