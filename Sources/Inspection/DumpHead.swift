// SPDX-License-Identifier: Apache-2.0
package import Dump
internal import LinuxIO
package import Report
internal import Sources
package import Worker

/// What a dump says of itself, read from its beginning: a pipe or a dump that was cut off will do.
package struct DumpHead {
  package let manifest: Manifest
  /// How other hands have packed it: `gzip`, `xz`, `bzip2`, `lz4`, `zstd`.
  package let packing: String?
  /// Bytes as it is stored; nil where it comes from a pipe.
  package let storedSize: UInt64?
  /// How full each cell of the disk is, where that was asked for: 0 is empty, 8 is full.
  package let levels: [Int]
  /// The most bytes that it is stored in.
  let longestStored: UInt64

  /// - Parameters:
  ///   - path: `-` is standard input.
  ///   - cells: into how many the disk is cut.
  package init(of path: String, cells: Int = 0, by workers: Workers) throws(Failure) {
    let file = try DumpFile(path)
    let (stream, packing) = try file.unpacked()
    let read = try stream.run(
      Self.task, ["cells": .integer(min(cells, 4096))], [], by: workers,
      .worker(streaming: file.size ?? 0, threads: 1), Steps(.quiet))
    manifest = try Manifest(json: Array((read["manifest"] ?? nil).serialized().utf8))
    longestStored = try read.number("longest")
    levels = try read.text("levels").map { min(8, $0.wholeNumberValue ?? 0) }
    self.packing = packing
    storedSize = file.size
  }

  static let task = WorkerTask("dump-head", .reader) { context throws(Failure) in
    let (stream, _) = try context.stream()
    let reader = try DumpReader { buffer throws(Failure) in try stream.read(into: buffer) }
    let levels = reader.extents.levels(cells: Int(try context.values.number("cells")))
    return [
      "manifest": reader.manifest.value, "longest": .number(reader.longestStored),
      "levels": .string(levels.map { "\($0)" }.joined()),
    ]
  }
}

extension ExtentMap {
  /// How full each cell of the disk is, where that is cut into so many.
  fileprivate func levels(cells: Int) -> [Int] {
    guard cells > 0 else { return [] }
    var shares = [Double](repeating: 0, count: cells)
    let width = Double(diskSize) / Double(cells)
    for extent in self {
      var begin = Double(extent.offset)
      let end = Double(extent.end)
      var cell = Swift.min(cells - 1, Int(begin / width))
      while begin < end, cell < cells {
        let part = Swift.min(end, Double(cell + 1) * width)
        shares[cell] += Swift.max(0, part - begin) / width
        begin = Swift.max(begin, part)
        cell += 1
      }
    }
    return shares.map { $0 == 0 ? 0 : 1 + Swift.min(7, Int(Swift.min(1, $0) * 8)) }
  }
}

/// What workers do for looking into dumps.
package let inspectionTasks = [DumpHead.task, VerifiedDump.task, Extracted.task]
