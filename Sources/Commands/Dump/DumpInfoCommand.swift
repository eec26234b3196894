// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Dump
internal import Glibc
internal import Images
internal import Inspection
internal import LinuxIO
internal import Report
internal import Worker

struct DumpInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Show what a dump says about itself.",
    discussion: """
      Only the beginning is read; guestsmith dump verify checks the rest. On a terminal the last line is a map of the \
      disk: the fuller a block, the more of that part is used. JSON is the manifest, and how the dump is stored.

      Example:
        guestsmith dump info /var/lib/ganeti/export/vm1.example.com/*.snap*
      """)

  @Argument(help: "The dumps.")
  var dump: [String]

  @OptionGroup var output: OutputOptions

  func run() throws {
    let cells = output.json ? 0 : outputColumns().map { max(8, $0) } ?? 0
    let workers = try commandWorkers(Steps.forStandardError(quiet: false))
    let heads = try dump.map { path throws(Failure) in
      (path: path, head: try DumpHead(of: path, cells: cells, by: workers))
    }
    if output.json { return try writeOutput(.array(heads.map { $0.head.json(path: $0.path) })) }
    for (index, (path, head)) in heads.enumerated() {
      var lines = Table(head.rows(path: path)).lines
      if !head.levels.isEmpty { lines.append(head.map) }
      try writeOutput((index > 0 ? [""] : []) + lines)
    }
  }
}

/// The width of the terminal that standard output is; nil where it is not one.
private func outputColumns() -> Int? {
  guard isatty(STDOUT_FILENO) == 1 else { return nil }
  var size = winsize()
  guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
  return Int(size.ws_col)
}

extension DumpHead {
  func rows(path: String) -> [[String]] {
    let variant = manifest.variant.map { " (\($0))" } ?? ""
    let stored = storedSize.map { "\(Words.bytes($0)) (\($0) bytes)" } ?? "a stream"
    let packed = packing.map { ", packed by \($0)" } ?? ""
    return [
      ["Dump", path], ["Instance", manifest.instance], ["OS", manifest.os + variant],
      ["Made", "\(Timestamp(seconds: Int(manifest.created)).text) by \(manifest.program)"],
      ["Disk", "\(Words.bytes(manifest.diskSize)) (\(manifest.diskSize) bytes)"],
      [
        "Held",
        "\(Words.bytes(manifest.used)) in \(manifest.extents) extents, "
          + (manifest.partitions.isEmpty ? "" : "outside of partitions ") + manifest.selection.words,
      ],
      ["Stored", stored + packed],
    ]
      + manifest.partitions.map { partition in
        [
          "Partition \(partition.number)",
          "\(Words.bytes(partition.range.length)) at byte \(partition.range.offset), \(partition.selection.words)",
        ]
      }
      + manifest.filesystems.map { filesystem in
        let uuid = filesystem.uuid.map { ", UUID \($0)" } ?? ""
        let label = filesystem.label.map { ", label \($0)" } ?? ""
        return ["Filesystem", "\(filesystem.type) at byte \(filesystem.offset)\(uuid)\(label)"]
      }
  }

  /// The disk from its beginning to its end, a character for each part of it.
  var map: String {
    levels.map { ["·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"][$0] }.joined()
  }

  func json(path: String) -> JSON {
    [
      "path": .string(path), "stored_bytes": storedSize.map { .integer(Int($0)) } ?? .null,
      "packing": .optional(packing), "manifest": manifest.value,
    ]
  }
}

extension Manifest.Selection {
  fileprivate var words: String {
    switch self {
    case .usedBlocks: "by the filesystem's bitmaps"
    case .nonZeroBlocks: "all that is not zero"
    case .allBlocks: "all of it"
    }
  }
}
