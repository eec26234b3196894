// SPDX-License-Identifier: Apache-2.0
internal import LinuxIO
package import Report

/// Work on what a guest or a stranger wrote, done by a process of its own. What it holds are the descriptors that it is
/// given, and nothing else.
package struct WorkerTask: Sendable {
  /// What it does with its descriptors: which system calls it needs.
  package enum Role: String, Sendable, CaseIterable {
    /// Reads a disk or a dump.
    case reader
    /// Edits a filesystem.
    case editor
    /// Writes what a stream holds to a disk or a file.
    case decoder
    /// Tells what is on a disk, by libblkid.
    case prober
    /// Makes files in a folder.
    case extractor

    /// It is given disks that it can only read.
    var onlyReads: Bool { self == .reader || self == .prober }

    var confinement: Confinement.Role { self == .extractor ? .extractor : .worker }
  }

  package typealias Body = @Sendable (WorkerContext) throws(Failure) -> JSON

  package let name: String
  package let role: Role
  let body: Body

  package init(_ name: String, _ role: Role, _ body: @escaping Body) {
    self.name = name
    self.role = role
    self.body = body
  }
}
