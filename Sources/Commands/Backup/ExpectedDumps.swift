// SPDX-License-Identifier: Apache-2.0
internal import Host
internal import Instances
internal import Interface
internal import LinuxIO
internal import Report
internal import Sources

/// Which of an export's dumps guestsmith must have written, so that anything else in their place is damage. What other
/// definitions write may be any bytes.
struct ExpectedDumps {
  private let isOurs: Bool
  /// By `os adapt`, of a definition of version 5: that knows one disk, and what is said of the others is the adaptation's.
  private let isAdapted: Bool

  /// How an adaptation's dump of the second disk begins.
  private static let adaptedBeginning = "this disk was "

  /// - Parameter searchPath: where the definition is looked for that the export names, which may have any name.
  init(_ configuration: ExportConfiguration, _ searchPath: SearchPath) {
    let beginnings = configuration.dumps.map { dump in
      (try? readFile(dump.path, limit: StreamKind.prefixLength)) ?? []
    }
    // One definition writes all dumps of an export.
    isOurs =
      Self.isThisProgram(configuration.os, searchPath) || beginnings.contains { StreamKind(prefix: $0) == .dump }
    isAdapted = beginnings.contains { $0.starts(with: Self.adaptedBeginning.utf8) }
  }

  /// Whether the dump of that disk must be one of guestsmith, or what its import takes in the place of one.
  func areOurs(disk: Int) -> Bool { isOurs && (disk == 0 || !isAdapted) }

  /// Whether a definition is this program: by the name that it gets where no other is asked for, or as it is installed here.
  private static func isThisProgram(_ os: String, _ searchPath: SearchPath) -> Bool {
    let name = OSName(parsing: os).name
    if name == "guestsmith" { return true }
    guard let program = try? OSInstallation.runningProgram() else { return false }
    // One of version 5 has the variant in the name of its folder.
    return [name, os].contains { name in
      guard let folder = try? searchPath.folder(of: name),
        let target = linkTarget("\(folder)/\(Script.export.rawValue)")
      else { return false }
      return splitPath(target).name == splitPath(program).name
    }
  }
}
