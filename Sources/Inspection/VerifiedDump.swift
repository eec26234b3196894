// SPDX-License-Identifier: Apache-2.0
internal import Dump
internal import LinuxIO
package import Report
package import Sources
package import Worker

/// What a dump that was checked is.
package struct VerifiedDump {
  package let instance: String
  package let sha256: String
  /// Bytes as it is stored.
  package let stored: UInt64

  /// Checks a dump to its last byte, without a disk.
  ///
  /// - Parameters:
  ///   - path: `-` is standard input.
  ///   - threads: that decompress.
  package init(_ path: String, threads: Int, by workers: Workers, _ steps: Steps) throws(Failure) {
    let file = try DumpFile(path)
    let (stream, _) = try file.unpacked()
    try self.init(stream, path, size: file.size ?? 0, threads: threads, by: workers, steps)
  }

  /// Checks a stream that begins as a dump does, once it is unpacked.
  ///
  /// - Parameters:
  ///   - path: what it is called.
  ///   - size: of the dump in bytes, as far as that is known.
  ///   - threads: that decompress.
  package init(
    _ stream: IncomingStream, _ path: String, size: UInt64, threads: Int, by workers: Workers, _ steps: Steps
  ) throws(Failure) {
    // How much it unpacks to only the worker knows.
    let found = try stream.run(
      Self.task, ["threads": .integer(threads), "path": .string(path)], [], by: workers,
      .worker(streaming: max(size, 1 << 40), threads: threads), steps)
    instance = try found.text("instance")
    sha256 = try found.text("sha256")
    stored = try found.number("stored")
  }

  static let task = WorkerTask("dump-verify", .reader) { context throws(Failure) in
    let (stream, _) = try context.stream()
    let threads = Int(try context.values.number("threads"))
    return try context.steps.step("verify \(try context.values.text("path"))") { progress throws(Failure) in
      let reader = try DumpReader { buffer throws(Failure) in try stream.read(into: buffer) }
      let manifest = reader.manifest
      progress.expect(manifest.used)
      var done: UInt64 = 0
      let summary = try reader.read(
        workers: threads,
        progress: { total in
          progress.advance(by: total - done)
          done = total
        }, extent: { _, _ in })
      return [
        "instance": .string(manifest.instance), "sha256": .string(summary.sha256), "stored": .number(summary.stored),
      ]
    }
  }
}
