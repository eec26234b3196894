// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Interface
internal import LinuxIO
package import Report

/// An export as a list shows it.
package struct ListedExport: Sendable {
  /// The name of the folder.
  package let name: String
  package let path: String
  /// Nil where `config.ini` cannot be read.
  package let configuration: ExportConfiguration?
  /// Of all dumps together.
  package let bytes: UInt64
  /// What is wrong; nil where everything is there that is to be there.
  package let fault: Failure?

  /// What there is in a folder.
  package init(at path: String, named name: String) {
    self.name = name
    self.path = path
    do throws(Failure) {
      let configuration = try ExportConfiguration(in: path)
      self.configuration = configuration
      bytes = configuration.dumps.reduce(0) { $0 + $1.size }
      fault = configuration.missing
    } catch {
      (configuration, bytes, fault) = (nil, 0, error)
    }
  }
}

extension State {
  package func listExports() throws(Failure) -> [ListedExport] {
    let listed = try steadily(exports) { name, path in ListedExport(at: path, named: name) }
    return listed.filter { !$0.name.hasSuffix(".new") }
  }
}

extension ExportConfiguration {
  /// A dump that `config.ini` names.
  package struct NamedDump: Sendable {
    /// The number of its disk.
    package let disk: Int
    package let path: String
    /// The length of the file in bytes; nil if the file is missing.
    package let size: UInt64?

    /// That it is not there; nil where it is.
    package var fault: Failure? {
      guard size == nil else { return nil }
      return Failure(
        .dump, "the dump of disk \(disk) is missing: \(path)",
        remedy: "put it back, or correct \(ExportConfiguration.file)")
    }
  }

  /// All that are named, in the order of their disks.
  package var namedDumps: [NamedDump] {
    disks.compactMap { disk in
      guard let dump = disk.dump else { return nil }
      let (status, error) = examine("\(path)/\(dump)", itself: true)
      let isFile = error == 0 && status.isRegular
      return NamedDump(disk: disk.index, path: "\(path)/\(dump)", size: isFile ? UInt64(status.st_size) : nil)
    }
  }

  /// The files of the dumps that are there, by the numbers of their disks.
  package var dumps: [(disk: Int, path: String, size: UInt64)] {
    namedDumps.compactMap { dump in
      guard let size = dump.size else { return nil }
      return (dump.disk, dump.path, size)
    }
  }

  /// The first dump that is not there, or that there is none; nil where nothing is missing.
  package var missing: Failure? {
    let named = namedDumps
    guard !named.isEmpty else { return Failure(.dump, "\(path)/\(Self.file) names no dump") }
    return named.compactMap { $0.fault }.first
  }
}

extension Node {
  /// The folder of an export, which is there.
  package func export(named text: String) throws(Failure) -> String {
    if text.contains("/") { return absolute(text) }
    let name = try InstanceName(text)
    guard examine(state.exportFolder(name)).error == 0 else { throw missing(name) }
    return state.exportFolder(name)
  }

  package func removeBackup(_ text: String) throws(Failure) {
    let name = try InstanceName(text)
    let key = State.key(name)
    try state.locking([State.lock(ofExport: key)], for: "backup remove", steps: steps) { _ throws(Failure) in
      let folder = try Folder(state.exports)
      guard try folder.has(key) else { throw missing(name) }
      let draft = State.draft(ofExport: key)
      try folder.move(key, to: folder, as: draft)
      try folder.flush()
      try folder.remove(draft)
    }
  }

  private func missing(_ name: InstanceName) -> Failure {
    Failure(
      .dump, "there is no export of \(name) in \(state.exports)",
      remedy: "see guestsmith backup list for what there is"
    )
  }
}
