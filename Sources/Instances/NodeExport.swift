// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Host
package import Interface
internal import LinuxIO
internal import Report

extension Node {
  /// Writes an export of an instance into the state folder, in the place of the last one.
  ///
  /// The scripts are given copies of the disks: one that writes to a disk makes the export fail, and does no harm.
  ///
  /// - Returns: the folder of the export.
  @discardableResult
  package func exportBackup(of name: InstanceName) throws -> String {
    let adopted = (try? state.instance(name))?.disks.filter(\.isAdopted).map(\.path) ?? []
    return try state.locking(
      [State.key(name)] + adopted.compactMap(adoptionKey), for: "backup export", steps: steps
    ) { _ in
      let instance = try state.instance(name)
      if let fault = instance.unusable(in: state) { throw fault }
      let definition = try definition(of: instance)
      let key = State.key(name)
      return try withDraft(state.exports, State.draft(ofExport: key)) { draft in
        // Beside the disks, where a copy may share their blocks.
        try withDraft(state.instances, State.draft(ofInstance: key)) { snapshots in
          try copyDisks(of: instance, to: snapshots.path)
          try export(instance.inFolder(snapshots.path), by: definition, to: draft.path)
        }
        try draft.commit(as: key)
        return state.exportFolder(name)
      }
    }
  }

  private func export(_ instance: Instance, by definition: OSDefinition, to folder: String) throws {
    // Version 5 knows one disk that is exported; what is on the other is swapped memory.
    let indices = definition.spokenVersion == 5 ? [0] : Array(instance.disks.indices)
    let dumps = Dictionary(uniqueKeysWithValues: indices.map { ($0, "disk\($0).dump") })
    let exports = try indices.map { index in
      try DiskExport(index, of: instance, to: "\(folder)/disk\(index).dump")
    }
    let calls = try exports.map { export in
      var call = try call(definition, .export(disk: export.index, path: export.disk, to: export.dump.raw), of: instance)
      if definition.spokenVersion != 5 { call.sizeDescriptor = export.expected.raw }
      return call
    }
    try steps.step("export \(instance.name) by \(instance.osName)") { progress in
      let follower = Follower(progress) {
        for export in exports { export.tell(progress: &$0) }
      }
      try follower.following {
        try together(calls) { call throws(Failure) in try call.run(logFolder: logFolder) }
      }
    }
    for (index, export) in exports.enumerated() { try export.finish(calls[index]) }
    let text = ExportConfiguration.text(of: instance, dumps: dumps)
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

  init(_ index: Int, of instance: Instance, to path: String) throws(Failure) {
    self.index = index
    disk = instance.disks[index].path
    dump = try Descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    expected = try Descriptor(inMemory: "the expected size")
    mark = try DiskMark(disk)
  }

  func tell(progress: inout Follower.Position) {
    progress.done += UInt64(max(0, lseek(dump.raw, 0, SEEK_CUR)))
    var text = [UInt8](repeating: 0, count: 32)
    let count = pread(expected.raw, &text, text.count, 0)
    let digits = text.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
    progress.expect(UInt64(String(decoding: digits, as: UTF8.self)))
  }

  func finish(_ call: ScriptCall) throws(Failure) {
    guard try DiskMark(disk) == mark else {
      let remedy =
        call.instance.disks[index].isAdopted
        ? "correct the script, and look at what it did: the disk is adopted, so it was not a copy"
        : "correct the script; it had a copy, so the disk is as it was"
      throw Failure(
        .script, "the export script of \(call.definition.name) wrote to disk \(index) of \(call.instance.name)",
        remedy: remedy)
    }
    try dump.flush()
  }
}
