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
  /// The files of the dumps that are there, by the numbers of their disks.
  package var dumps: [(disk: Int, path: String, size: UInt64)] {
    disks.compactMap { disk in
      guard let dump = disk.dump else { return nil }
      let (status, error) = examine("\(path)/\(dump)", itself: true)
      guard error == 0, status.isRegular else { return nil }
      return (disk.index, "\(path)/\(dump)", UInt64(status.st_size))
    }
  }

  /// The first dump that is not there; nil where there is none.
  package var missing: Failure? {
    let found = dumps.map(\.disk)
    if let disk = disks.first(where: { $0.dump != nil && !found.contains($0.index) }) {
      return Failure(
        .dump, "the dump of disk \(disk.index) is missing: \(path)/\(disk.dump ?? "")",
        remedy: "put it back, or correct \(Self.file)")
    }
    return disks.contains { $0.dump != nil } ? nil : Failure(.dump, "\(path)/\(Self.file) names no dump")
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
    try state.locking([key], for: "backup remove", steps: steps) { _ throws(Failure) in
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
